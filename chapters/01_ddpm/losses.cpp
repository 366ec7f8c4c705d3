#include "chapters/01_ddpm/losses.h"

#include <fmt/format.h>

#include "chapters/01_ddpm/forward_process.h"
#include "chapters/01_ddpm/reverse_process.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::ddpm {

LossConfig loss_config_from_json(const io::Json& json) {
    LossConfig config;
    const std::string type = io::get_or(json, "loss_type", "l2");
    expect(type == "l1" || type == "l2",
           fmt::format("'loss_type' is '{}', expected l1 or l2", type));
    config.loss_type = type == "l1" ? LossType::l1 : LossType::l2;
    config.l_simple_weight = io::get_or(json, "l_simple_weight", config.l_simple_weight);
    config.original_elbo_weight =
        io::get_or(json, "original_elbo_weight", config.original_elbo_weight);
    config.logvar_init = io::get_or(json, "logvar_init", config.logvar_init);
    return config;
}

Tensor training_target(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& noise) {
    switch (s.parameterization) {
        case Parameterization::x0:
            return x0;
        case Parameterization::v:
            return get_v(s, x0, t, noise);
        case Parameterization::eps:
            break;
    }
    return noise;
}

//! [losses]
Losses p_losses(const Schedule& s, const LossConfig& config, const Denoiser& model,
                const Tensor& x0, const Tensor& t, const Tensor& noise, Tensor logvar) {
    const Tensor prediction = model(q_sample(s, x0, t, noise), t);
    const Tensor difference = training_target(s, x0, t, noise) - prediction;
    const Tensor error = ops::mean_per_sample(
        config.loss_type == LossType::l1 ? ops::abs(difference) : ops::square(difference));

    if (!logvar) logvar = Tensor::full({s.timesteps()}, config.logvar_init);
    const Tensor logvar_t = at(logvar, t).reshape({-1});
    const Tensor weighted = error / ops::exp(logvar_t) + logvar_t;
    const Tensor vlb = ops::mean(at(s.lvlb_weights, t).reshape({-1}) * error);
    return {
        .loss = config.l_simple_weight * ops::mean(weighted) + config.original_elbo_weight * vlb,
        .loss_simple = ops::mean(error),
        .loss_vlb = vlb};
}
//! [losses]

}  // namespace ldm::ddpm
