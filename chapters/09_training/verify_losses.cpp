#include "chapters/09_training/verify_losses.h"

#include <fmt/format.h>

#include "chapters/09_training/losses/lpips_with_discriminator.h"
#include "chapters/09_training/losses/vq_lpips_with_discriminator.h"
#include "common/ops/conv2d.h"

namespace ldm::train {
namespace {

using io::Json;

/// The config without keys that say how a case is run, not what is built.
Json without(Json config, std::initializer_list<const char*> keys) {
    for (const char* key : keys) config.erase(key);
    return config;
}

Mode mode_of(const verify::Run& run) {
    return io::get_or(run.config(), "training", false) ? Mode::train : Mode::eval;
}

void out(verify::Run& run, const std::string& name, float number) {
    run.out(name, Tensor::scalar(number));
}

void lpips(verify::Run& run) {
    io::expect_only_keys(run.config(), std::initializer_list<std::string_view>{}, "LPIPS");
    run.out("val", LPIPS(run.params())(run.in("a"), run.in("b")));
}

// ---- the discriminator

/// What the norms have remembered and measured, where the case asks for it.
void out_after_training(verify::Run& run, const NLayerDiscriminator::Config& config) {
    for (int n = 1; n <= config.n_layers; ++n) {
        const std::string norm = fmt::format("main.{}", 3 * n);
        const int width = config.ndf * (1 << std::min(n, 3));
        const auto show = [&](const char* key, const Shape& shape) {
            const std::string name = fmt::format("{}.{}", norm, key);
            if (run.wants("after_train." + name))
                run.out("after_train." + name, run.params().get(name, shape));
        };
        show("running_mean", {width});
        show("running_var", {width});
        show("loc", {1, width, 1, 1});
        show("scale", {1, width, 1, 1});
        show("initialized", {});
        show("num_batches_tracked", {});
    }
}

void discriminator(verify::Run& run) {
    io::expect_only_keys(run.config(),
                         {"input_nc", "ndf", "n_layers", "use_actnorm", "training", "train_pass"},
                         "NLayerDiscriminator");
    const NLayerDiscriminator::Config config{
        .input_nc = io::get_or(run.config(), "input_nc", 3),
        .ndf = io::get_or(run.config(), "ndf", 64),
        .n_layers = io::get_or(run.config(), "n_layers", 3),
        .use_actnorm = io::get_or(run.config(), "use_actnorm", false)};
    NLayerDiscriminator network(run.params(), config);
    run.out("out", network(run.in("x"), mode_of(run)));
    if (io::get_or(run.config(), "train_pass", false))
        run.out("out_train", network(run.in("x"), Mode::train));
    out_after_training(run, config);
}

// ---- the losses

void gan_losses(verify::Run& run) {
    io::expect_only_keys(run.config(), {"n_embed", "adopt_weight"}, "GanLosses");
    const Tensor real = run.in("real"), fake = run.in("fake");
    run.out("hinge", hinge_d_loss(real, fake));
    run.out("vanilla", vanilla_d_loss(real, fake));
    run.out("hinge_exemplar", hinge_d_loss_with_exemplar_weights(real, fake, run.in("w")));
    run.out("g_loss", g_loss(fake));

    const CodebookUse use =
        measure_perplexity(run.in("ind"), io::get<int>(run.config(), "n_embed"));
    out(run, "perplexity", use.perplexity);
    run.out("cluster_use", Tensor::ints({}, std::vector<std::int32_t>{use.cluster_use}));

    const auto adopt = io::get<Json>(run.config(), "adopt_weight");
    io::expect_only_keys(adopt, {"weight", "threshold", "value", "steps"}, "adopt_weight");
    std::vector<float> weights;
    for (const int step : io::get<std::vector<int>>(adopt, "steps"))
        weights.push_back(adopt_weight(io::get<float>(adopt, "weight"), step,
                                       io::get<int>(adopt, "threshold"),
                                       io::get<float>(adopt, "value")));
    run.out("adopt", Tensor::from({static_cast<std::int64_t>(weights.size())}, weights));
}

/// In the cases a last layer that paints `feat` stands for a whole autoencoder.
Tensor reconstruct(const verify::Run& run) {
    return ops::conv2d(run.in("feat"), run.in("last_layer"), {}, {.padding = ops::Padding::all(1)});
}

void out_discriminator(verify::Run& run, const std::string& prefix, const DiscriminatorLoss& d) {
    run.out(prefix + "loss", d.loss);
    out(run, prefix + "disc_loss", d.disc_loss);
    out(run, prefix + "logits_real", d.logits_real);
    out(run, prefix + "logits_fake", d.logits_fake);
}

/// The names that both losses have in their logs.
template <class GeneratorLoss>
void out_generator(verify::Run& run, const std::string& prefix, const GeneratorLoss& g) {
    run.out(prefix + "loss", g.loss);
    out(run, prefix + "total_loss", g.total_loss);
    out(run, prefix + "nll_loss", g.nll_loss);
    out(run, prefix + "rec_loss", g.rec_loss);
    out(run, prefix + "d_weight", g.d_weight);
    out(run, prefix + "disc_factor", g.disc_factor);
    out(run, prefix + "g_loss", g.g_loss);
}

void lpips_with_discriminator(verify::Run& run) {
    const auto config =
        LPIPSWithDiscriminator::Config::from_json(without(run.config(), {"steps", "training"}));
    LPIPSWithDiscriminator loss(run.params(), config);
    const Tensor x = run.in("x"), last_layer = run.in("last_layer");
    for (const int step : io::get<std::vector<int>>(run.config(), "steps")) {
        Tape tape;
        tape.watch(last_layer);
        tape.watch(loss.logvar());
        const LastLayer last{tape, last_layer};
        const Tensor rec = reconstruct(run);
        run.out("rec", rec);
        const auto g = loss.generator(x, rec, vae::DiagonalGaussian(run.in("moments")), step, &last,
                                      mode_of(run));
        const std::string prefix = fmt::format("s{}.", step);
        out_generator(run, prefix + "g.", g);
        out(run, prefix + "g.logvar", g.logvar);
        out(run, prefix + "g.kl_loss", g.kl_loss);
        const Gradients gradients = tape.backward(g.loss);
        run.out(prefix + "g.grad_last_layer", gradients.of(last_layer));
        run.out(prefix + "g.grad_logvar", gradients.of(loss.logvar()));
        out_discriminator(run, prefix + "d.", loss.discriminator(x, rec, step, mode_of(run)));
    }
}

void vq_lpips_with_discriminator(verify::Run& run) {
    const auto config = VQLPIPSWithDiscriminator::Config::from_json(
        without(run.config(), {"global_step", "training"}));
    const int step = io::get<int>(run.config(), "global_step");
    VQLPIPSWithDiscriminator loss(run.params(), config);
    const Tensor x = run.in("x"), last_layer = run.in("last_layer");
    Tape tape;
    tape.watch(last_layer);
    const LastLayer last{tape, last_layer};
    const Tensor rec = reconstruct(run);
    run.out("rec", rec);
    const auto g =
        loss.generator(run.in("cb"), x, rec, step, &last, run.find_in("ind"), mode_of(run));
    out_generator(run, "g.", g);
    out(run, "g.quant_loss", g.quant_loss);
    out(run, "g.p_loss", g.p_loss);
    if (g.codebook_use) {
        out(run, "g.perplexity", g.codebook_use->perplexity);
        out(run, "g.cluster_usage", static_cast<float>(g.codebook_use->cluster_use));
    }
    run.out("g.grad_last_layer", tape.backward(g.loss).of(last_layer));
    out_discriminator(run, "d.", loss.discriminator(x, rec, step, mode_of(run)));
}

}  // namespace

void register_losses(verify::Registry& registry) {
    registry["LPIPS"] = lpips;
    registry["NLayerDiscriminator"] = discriminator;
    registry["GanLosses"] = gan_losses;
    registry["LPIPSWithDiscriminator"] = lpips_with_discriminator;
    registry["VQLPIPSWithDiscriminator"] = vq_lpips_with_discriminator;
}

}  // namespace ldm::train
