#pragma once

#include <memory>
#include <optional>

#include "chapters/01_ddpm/ema.h"
#include "chapters/09_training/optimizer/optimizer.h"
#include "common/io/json.h"

namespace ldm::train {

/// Weights that are trained: their optimizer, and their exponential moving average (EMA), with
/// which samples are made and which becomes the model in the end.
class OptimizedWeights {
public:
    struct Config {
        /// see make_optimizer()
        io::Json optimizer = {{"name", "adamw"}};
        /// gradients of a larger norm are clipped to it; 0: never
        double max_grad_norm = 0.0;
        /// of the EMA; 0: there is none
        float ema_decay = 0.0f;
    };

    /// `is_hidden_layer` says which weights lie between hidden layers, for the optimizer muon.
    OptimizedWeights(Weights weights, const Config& config,
                     const std::function<bool(const std::string&)>& is_hidden_layer);

    const Weights& weights() const { return weights_; }

    /// Clips the gradients, steps the optimizer, updates the EMA. Returns the norm of the gradients
    /// before clipping. Throws NotFinite, before any weight has changed, when a gradient is not
    /// finite.
    double step(const Weights& gradients, double learning_rate);

    /// All that the next step depends on, sharing its memory: weights.…, optimizer.…, ema.…
    Weights state();

    /// `all` weights of a model, of which the trained ones are replaced by their EMA, or where
    /// there is none by what they are now.
    [[nodiscard]] Weights with_trained(Weights all) const;

    /// While this lives the networks compute with the EMA of the trained weights (ema_scope() in
    /// ldm's ddpm.py). Without an EMA nothing changes.
    class EmaScope {
    public:
        explicit EmaScope(OptimizedWeights& weights);
        ~EmaScope();
        EmaScope(const EmaScope&) = delete;
        EmaScope& operator=(const EmaScope&) = delete;

    private:
        OptimizedWeights& optimized_;
    };

private:
    Weights weights_;
    std::unique_ptr<Optimizer> optimizer_;
    double max_grad_norm_;
    std::optional<ddpm::LitEma> ema_;
};

/// A gradient or a loss is NaN or infinite: every step after it would be, too.
class NotFinite : public Error {
public:
    using Error::Error;
};

/// {"name": "adam", "adamw" or "muon", …} with the other keys of PyTorch's constructors (betas,
/// eps, weight_decay; of muon momentum and weight_decay). Throws an Error that names an unknown
/// one.
std::unique_ptr<Optimizer> make_optimizer(
    const io::Json& config, const Weights& weights,
    const std::function<bool(const std::string&)>& is_hidden_layer);

/// Adds `part` to `all`, each name with the prefix in front. The numbers are shared.
void add_state(Weights& all, const std::string& prefix, const Weights& part);

}  // namespace ldm::train
