#include "chapters/09_training/losses/vq_lpips_with_discriminator.h"

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::train {

using ops::mean;

VQLPIPSWithDiscriminator::Config VQLPIPSWithDiscriminator::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json,
        {"disc_start", "codebook_weight", "pixelloss_weight", "disc_num_layers", "disc_in_channels",
         "disc_factor", "disc_weight", "perceptual_weight", "use_actnorm", "disc_ndf", "disc_loss",
         "n_classes", "perceptual_loss", "pixel_loss", "idle_before_start"},
        "VQLPIPSWithDiscriminator");
    if (const auto kind = io::get_or(json, "perceptual_loss", "lpips"); kind != "lpips")
        throw Error("'perceptual_loss' is '" + kind + "', expected lpips");
    Config config{
        .codebook_weight = io::get_or(json, "codebook_weight", 1.0f),
        .n_classes = {},
        .reconstruction = {.perceptual_weight = io::get_or(json, "perceptual_weight", 1.0f),
                           .pixel_loss = pixel_loss_from(io::get_or(json, "pixel_loss", "l1"))},
        .adversarial_loss = AdversarialLoss::Config::from_json(json)};
    if (json.contains("n_classes") && !json["n_classes"].is_null())
        config.n_classes = io::get<int>(json, "n_classes");
    return config;
}

VQLPIPSWithDiscriminator::VQLPIPSWithDiscriminator(const nn::Params& weights, const Config& config)
    : config_(config),
      reconstruction_(weights / "perceptual_loss", config.reconstruction),
      adversarial_loss_(weights / "discriminator", config.adversarial_loss) {}

//! [generator]
VQLPIPSWithDiscriminator::GeneratorLoss VQLPIPSWithDiscriminator::generator(
    const Tensor& codebook_loss, const Tensor& x, const Tensor& rec, int global_step,
    const LastLayer* last_layer, const Tensor& indices, Mode mode) {
    GeneratorLoss result;
    const LossTerm nll = differentiate({rec}, [&] {
        const auto [total, perceptual] = reconstruction_(x, rec);
        result.p_loss = mean(perceptual).item();
        return mean(total);
    });
    const Tensor quant = mean(codebook_loss);
    const LossTerm g = adversarial_loss_.g_loss(rec, global_step, mode);

    result.d_weight = adversarial_loss_.weight(last_layer, rec, nll, g);
    result.disc_factor = adversarial_loss_.factor(global_step);
    result.loss = nll.value + (result.d_weight * result.disc_factor) * g.value +
                  config_.codebook_weight * quant;

    result.total_loss = result.loss.item();
    result.quant_loss = quant.item();
    result.nll_loss = result.rec_loss = nll.value.item();
    result.g_loss = g.value.item();
    if (config_.n_classes && indices)
        result.codebook_use = measure_perplexity(indices, *config_.n_classes);
    return result;
}
//! [generator]

}  // namespace ldm::train
