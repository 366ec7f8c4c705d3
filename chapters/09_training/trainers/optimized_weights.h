#pragma once

#include <memory>
#include <optional>

#include "chapters/01_ddpm/ema.h"
#include "chapters/09_training/optimizer/optimizer.h"
#include "common/io/json.h"

namespace ldm::train {

/// Weights that learn: the optimizer that moves them, and their moving average, with which pictures
/// are drawn and which is what a training hands over in the end.
class OptimizedWeights {
public:
    struct Config {
        /// see make_optimizer()
        io::Json optimizer = {{"name", "adamw"}};
        /// longer gradients are shortened; 0: never
        double max_grad_norm = 0.0;
        /// of the moving average; 0: there is none
        float ema_decay = 0.0f;
    };

    /// `inner` says which weights lie between hidden layers: the optimizer muon wants to know.
    OptimizedWeights(Weights weights, const Config& config,
                     const std::function<bool(const std::string&)>& inner);

    const Weights& weights() const { return weights_; }

    /// One step of the optimizer, then of the average. Returns the length of the gradients. Throws
    /// NotFinite, before anything has moved, when a gradient is not finite.
    double move(const Weights& gradients, double learning_rate);

    /// All that the next step depends on, sharing its memory: weights.…, optimizer.…, ema.…
    Weights state();

    /// `all` weights of a model, of which those that learn are replaced by what has been learned:
    /// their average, where there is one.
    Weights learned(Weights all) const;

    /// While this lives the networks compute with what has been learned.
    class WithAverage {
    public:
        explicit WithAverage(OptimizedWeights& weights);
        ~WithAverage();
        WithAverage(const WithAverage&) = delete;
        WithAverage& operator=(const WithAverage&) = delete;

    private:
        OptimizedWeights& optimized_;
    };

private:
    Weights weights_;
    std::unique_ptr<Optimizer> optimizer_;
    double max_grad_norm_;
    std::optional<ddpm::LitEma> average_;
};

/// A gradient or a loss that is no number any more: what follows could only be nonsense.
class NotFinite : public Error {
public:
    using Error::Error;
};

/// {"name": "adam", "adamw" or "muon", …} with the other keys of PyTorch's constructors (betas,
/// eps, weight_decay; of muon momentum and weight_decay). Throws an Error that names an unknown
/// one.
std::unique_ptr<Optimizer> make_optimizer(const io::Json& config, const Weights& weights,
                                          const std::function<bool(const std::string&)>& inner);

/// The names of `part` behind a prefix, among those of `all`.
void add_state(Weights& all, const std::string& prefix, const Weights& part);

}  // namespace ldm::train
