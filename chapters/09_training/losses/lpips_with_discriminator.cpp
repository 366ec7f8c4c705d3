#include "chapters/09_training/losses/lpips_with_discriminator.h"

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::train {

using ops::exp;
using ops::mean;
using ops::sum;

LPIPSWithDiscriminator::Config LPIPSWithDiscriminator::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json,
        {"disc_start", "logvar_init", "kl_weight", "pixelloss_weight", "disc_num_layers",
         "disc_in_channels", "disc_ndf", "disc_factor", "disc_weight", "perceptual_weight",
         "use_actnorm", "disc_loss", "idle_before_start"},
        "LPIPSWithDiscriminator");
    return {.kl_weight = io::get_or(json, "kl_weight", 1.0f),
            .reconstruction = {.perceptual_weight = io::get_or(json, "perceptual_weight", 1.0f)},
            .adversarial_loss = AdversarialLoss::Config::from_json(json)};
}

LPIPSWithDiscriminator::LPIPSWithDiscriminator(const nn::Params& weights, const Config& config)
    : config_(config),
      logvar_(weights.get("logvar", {})),
      reconstruction_(weights / "perceptual_loss", config.reconstruction),
      adversarial_loss_(weights / "discriminator", config.adversarial_loss) {}

//! [generator]
LPIPSWithDiscriminator::GeneratorLoss LPIPSWithDiscriminator::generator(
    const Tensor& x, const Tensor& rec, const vae::DiagonalGaussian& posterior, int global_step,
    const LastLayer* last_layer, Mode mode) {
    const float pictures = static_cast<float>(x.dim(0));
    GeneratorLoss result;
    const LossTerm nll = differentiate({rec, logvar_}, [&] {
        const Tensor r = reconstruction_(x, rec).total;  // [N, 3, H, W]
        result.rec_loss = mean(r).item();
        return sum(r / exp(logvar_) + logvar_) / pictures;
    });
    const Tensor kl = sum(posterior.kl()) / pictures;
    const LossTerm g = adversarial_loss_.g_loss(rec, global_step, mode);

    result.d_weight = adversarial_loss_.weight(last_layer, rec, nll, g);
    result.disc_factor = adversarial_loss_.factor(global_step);
    result.loss =
        nll.value + config_.kl_weight * kl + (result.d_weight * result.disc_factor) * g.value;

    result.total_loss = result.loss.item();
    result.logvar = logvar_.item();
    result.kl_loss = kl.item();
    result.nll_loss = nll.value.item();
    result.g_loss = g.value.item();
    return result;
}
//! [generator]

}  // namespace ldm::train
