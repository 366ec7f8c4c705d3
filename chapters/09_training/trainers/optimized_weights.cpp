#include "chapters/09_training/trainers/optimized_weights.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/09_training/optimizer/adam.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/muon.h"

namespace ldm::train {
namespace {

Adam::Config adam_config(io::Json json, Adam::Config (*read)(const io::Json&)) {
    json.erase("name");
    io::expect_only_keys(json, {"betas", "eps", "weight_decay"}, "optimizer");
    return read(json);
}

Muon::Config muon_config(const io::Json& json) {
    io::expect_only_keys(json, {"name", "momentum", "weight_decay"}, "optimizer");
    Muon::Config config;
    config.beta = io::get_or(json, "momentum", config.beta);
    config.weight_decay = config.adam.weight_decay =
        io::get_or(json, "weight_decay", config.weight_decay);
    return config;
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(
    const io::Json& config, const Weights& weights,
    const std::function<bool(const std::string&)>& is_hidden_layer) {
    const auto name = io::get<std::string>(config, "name");
    if (name == "adam")
        return std::make_unique<Adam>(weights, adam_config(config, Adam::Config::adam));
    if (name == "adamw")
        return std::make_unique<Adam>(weights, adam_config(config, Adam::Config::adam_w));
    if (name == "muon")
        return std::make_unique<Muon>(weights, is_hidden_layer, muon_config(config));
    throw Error(fmt::format("optimizer: 'name' is '{}', expected adam, adamw or muon", name));
}

void add_state(Weights& all, const std::string& prefix, const Weights& part) {
    for (const auto& [name, tensor] : part) all.emplace(prefix + name, tensor);
}

OptimizedWeights::OptimizedWeights(Weights weights, const Config& config,
                                   const std::function<bool(const std::string&)>& is_hidden_layer)
    : weights_(std::move(weights)),
      optimizer_(make_optimizer(config.optimizer, weights_, is_hidden_layer)),
      max_grad_norm_(config.max_grad_norm) {
    if (config.ema_decay > 0.0f) ema_.emplace(weights_, config.ema_decay);
}

//! [step]
double OptimizedWeights::step(const Weights& gradients, double learning_rate) {
    const double norm = gradient_norm(gradients);
    if (!std::isfinite(norm)) {
        const auto culprit = first_not_finite(gradients);
        throw NotFinite(culprit ? fmt::format("the gradient of '{}' is not finite", *culprit)
                                : "the norm of the gradients is not finite");
    }
    if (max_grad_norm_ > 0.0)
        optimizer_->step(clipped(gradients, norm, max_grad_norm_), learning_rate);
    else
        optimizer_->step(gradients, learning_rate);
    if (ema_) ema_->update(weights_);
    return norm;
}
//! [step]

Weights OptimizedWeights::state() {
    Weights all;
    add_state(all, "weights.", weights_);
    add_state(all, "optimizer.", optimizer_->state());
    if (ema_) add_state(all, "ema.", ema_->state());
    return all;
}

Weights OptimizedWeights::with_trained(Weights all) const {
    for (const auto& [name, weight] : ema_ ? ema_->shadow() : weights_) all[name] = weight;
    return all;
}

OptimizedWeights::EmaScope::EmaScope(OptimizedWeights& weights) : optimized_(weights) {
    if (!optimized_.ema_) return;
    optimized_.ema_->store(optimized_.weights_);
    optimized_.ema_->copy_to(optimized_.weights_);
}

OptimizedWeights::EmaScope::~EmaScope() {
    if (optimized_.ema_) optimized_.ema_->restore(optimized_.weights_);
}

}  // namespace ldm::train
