#pragma once

#include "chapters/01_ddpm/schedule.h"
#include "common/io/json.h"
#include "common/random/torch_random.h"

namespace ldm::train {

/// Which noise levels a diffusion training looks at, and how much each of them counts.
///
/// As published, t is uniform and every level counts the same. But in eps-prediction that loss
/// hardly notices a wrong picture at high noise, where the caption decides everything: there,
/// telling the noise is easy. Two settings change it:
///
///     "snr_weight_max": w   level t counts min(1 / SNR_t + 1, w), SNR_t = ac_t / (1 - ac_t): up to
///                           w as much as v-prediction would make it count (Salimans and Ho, 2022)
///     "time_power": p       t = T u^p for uniform u: with p < 1 noisy levels are drawn more often,
///                           and each counts less in return, so that the loss stays the same on
///                           average
///
/// The u of a batch of N are drawn one from each N-th of [0, 1): less chance from step to step.
class TimeSteps {
public:
    struct Config {
        /// 1: every level counts the same
        double snr_weight_max = 1.0;
        double time_power = 1.0;
    };
    static Config from_json(const io::Json& json);

    TimeSteps(const ddpm::Schedule& schedule, const Config& config);

    /// The times of n pictures: [n] int32.
    Tensor draw(random::TorchGenerator& random, std::int64_t n) const;

    /// -ln of how much each level counts, [T]: as the fixed `logvar` of ddpm::p_losses it weighs
    /// the errors, for exp(-logvar) is what they are multiplied by there.
    const Tensor& logvar() const { return logvar_; }

    /// Its mean over times [n] int32: what p_losses adds to the loss whatever the weights are.
    double mean_logvar(const Tensor& t) const;

private:
    Config config_;
    Tensor logvar_;
};

}  // namespace ldm::train
