#pragma once

#include "chapters/01_ddpm/schedule.h"
#include "common/io/json.h"
#include "common/random/torch_random.h"

namespace ldm::train {

/// Which time steps a diffusion training samples, and the loss weight of each.
///
/// As published, t is uniform and every t weighs the same. But the loss of noise prediction is
/// insensitive to a wrong picture at high noise, where the caption decides everything: there the
/// noise is easy to predict. Two settings change it:
///
///     "snr_weight_max": w   the loss at t is weighed by min(1 / SNR_t + 1, w), SNR_t = ac_t / (1 -
///                           ac_t): up to w that of v-prediction, "SNR + 1" in x0 (Salimans and Ho,
///                           2022). Min-SNR weighting (Hang et al., 2023) truncates at the other
///                           end: min(1, gamma / SNR_t)
///     "time_power": p       t = T u^p for uniform u: with p < 1 high noise is sampled more often,
///                           and weighs less in return (importance sampling), so that the
///                           expectation of the loss stays the same
///
/// The u of a batch of N are stratified, one from each N-th of [0, 1): less variance from step to
/// step.
class TimestepSampler {
public:
    struct Config {
        /// 1: every time step weighs the same
        double snr_weight_max = 1.0;
        double time_power = 1.0;
    };
    static Config from_json(const io::Json& json);

    TimestepSampler(const ddpm::Schedule& schedule, const Config& config);

    /// The time steps of n pictures: [n] int32.
    Tensor draw(random::TorchGenerator& random, std::int64_t n) const;

    /// -ln of the loss weight of each t, [T]: the fixed `logvar` of ddpm::p_losses, where errors
    /// are multiplied by exp(-logvar).
    const Tensor& logvar() const { return logvar_; }

    /// Its mean over time steps [n] int32: the constant that p_losses adds to the loss.
    double mean_logvar(const Tensor& t) const;

private:
    Config config_;
    Tensor logvar_;
};

}  // namespace ldm::train
