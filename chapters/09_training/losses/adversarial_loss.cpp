#include "chapters/09_training/losses/adversarial_loss.h"

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {

AdversarialLoss::Config AdversarialLoss::Config::from_json(const io::Json& json) {
    const NLayerDiscriminator::Config usual;
    return {.disc_start = io::get<int>(json, "disc_start"),
            .discriminator = {.input_nc = io::get_or(json, "disc_in_channels", usual.input_nc),
                              .ndf = io::get_or(json, "disc_ndf", usual.ndf),
                              .n_layers = io::get_or(json, "disc_num_layers", usual.n_layers),
                              .use_actnorm = io::get_or(json, "use_actnorm", usual.use_actnorm)},
            .disc_factor = io::get_or(json, "disc_factor", 1.0f),
            .disc_weight = io::get_or(json, "disc_weight", 1.0f),
            .disc_loss = disc_loss_from(io::get_or(json, "disc_loss", "hinge")),
            .idle_before_start = io::get_or(json, "idle_before_start", false)};
}

AdversarialLoss::AdversarialLoss(const nn::Params& weights, const Config& config)
    : config_(config), discriminator_(weights, config.discriminator) {}

float AdversarialLoss::factor(int global_step) const {
    return adopt_weight(config_.disc_factor, global_step, config_.disc_start);
}

bool AdversarialLoss::is_idle(int global_step) const {
    return config_.idle_before_start && global_step < config_.disc_start;
}

//! [passes]
LossTerm AdversarialLoss::g_loss(const Tensor& rec, int global_step, Mode mode) {
    if (is_idle(global_step)) return {ops::to(Tensor::scalar(0.0f), rec.device()), {Tensor()}};
    return differentiate({rec}, [&] { return train::g_loss(discriminator_(rec, mode)); });
}

float AdversarialLoss::weight(const LastLayer* last_layer, const Tensor& rec, const LossTerm& nll,
                              const LossTerm& g) const {
    const Tensor grad_of_nll = nll.gradients.at(0), grad_of_g = g.gradients.at(0);
    if (!last_layer || !grad_of_nll || !grad_of_g) return 0.0f;
    return config_.disc_weight * adaptive_weight(*last_layer, rec, grad_of_nll, grad_of_g);
}

DiscriminatorLoss AdversarialLoss::d_loss(const Tensor& x, const Tensor& rec, int global_step,
                                          Mode mode) {
    if (is_idle(global_step)) return {ops::to(Tensor::scalar(0.0f), x.device()), 0.0f, 0.0f, 0.0f};
    const Tensor logits_real = discriminator_(ops::detach(x), mode);  // [N, 1, h, w]
    const Tensor logits_fake = discriminator_(ops::detach(rec), mode);
    const Tensor loss =
        factor(global_step) * train::d_loss(config_.disc_loss, logits_real, logits_fake);
    return {.loss = loss,
            .disc_loss = loss.item(),
            .logits_real = ops::mean(logits_real).item(),
            .logits_fake = ops::mean(logits_fake).item()};
}
//! [passes]

}  // namespace ldm::train
