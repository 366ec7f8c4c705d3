#include "chapters/09_training/optimizer/adam.h"

#include <fmt/format.h>

#include "chapters/09_training/optimizer/gradients.h"
#include "common/ops/optimizer_step.h"

namespace ldm::train {
namespace {

Adam::Config config_from_json(const io::Json& json, double weight_decay, bool decoupled) {
    io::expect_only_keys(json, {"betas", "eps", "weight_decay"}, "adam");
    Adam::Config config{.weight_decay = io::get_or(json, "weight_decay", weight_decay),
                        .decoupled_weight_decay = decoupled};
    const auto betas = io::get_or(json, "betas", std::vector<double>{config.beta1, config.beta2});
    expect(betas.size() == 2, fmt::format("'betas': expected two numbers, got {}", betas.size()));
    config.beta1 = betas[0], config.beta2 = betas[1];
    config.eps = io::get_or(json, "eps", config.eps);
    return config;
}

void expect_sensible(const Adam::Config& c) {
    const auto is_share = [](double x) { return x >= 0.0 && x < 1.0; };
    expect(is_share(c.beta1) && is_share(c.beta2),
           fmt::format("'betas' are {} and {}, expected 0 to below 1", c.beta1, c.beta2));
    expect(c.eps >= 0.0, fmt::format("'eps' is {}, expected 0 or more", c.eps));
    expect(c.weight_decay >= 0.0,
           fmt::format("'weight_decay' is {}, expected 0 or more", c.weight_decay));
}

}  // namespace

Adam::Config Adam::Config::adam(const io::Json& json) { return config_from_json(json, 0.0, false); }
Adam::Config Adam::Config::adam_w(const io::Json& json) {
    return config_from_json(json, 0.01, true);
}

Adam::Adam(Weights weights, const Config& config)
    : config_(config),
      weights_(std::move(weights)),
      exp_avg_(zeros_like(weights_)),
      exp_avg_sq_(zeros_like(weights_)),
      step_(Tensor::ints({}, std::vector<std::int32_t>{0})) {
    expect_sensible(config);
}

//! [step]
void Adam::step(const Weights& gradients, double learning_rate) {
    const ops::AdamStep settings{.step = ++*step_.ints(),
                                 .lr = learning_rate,
                                 .beta1 = config_.beta1,
                                 .beta2 = config_.beta2,
                                 .eps = config_.eps,
                                 .weight_decay = config_.weight_decay,
                                 .decoupled_weight_decay = config_.decoupled_weight_decay};
    for (auto& [name, weight] : weights_)
        ops::adam_step(weight, exp_avg_.at(name), exp_avg_sq_.at(name),
                       gradient_of(gradients, name), settings);
}
//! [step]

Weights Adam::state() {
    Weights state{{"step", step_}};
    for (const auto& [name, m] : exp_avg_) state.emplace("exp_avg." + name, m);
    for (const auto& [name, v] : exp_avg_sq_) state.emplace("exp_avg_sq." + name, v);
    return state;
}

}  // namespace ldm::train
