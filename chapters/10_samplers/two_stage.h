#pragma once

#include "chapters/10_samplers/euler.h"

namespace ldm::samplers {

/// Two calls of the network for each step: a first guess of where it leads, and a better direction
/// from what the network says there. Second order.
///
///     heun       y' = y + (d(y, sigma) + d(y_e, down)) / 2 (down - sigma)     y_e: Euler's step
///     midpoint   y' = y + d(y_m, mid) (down - sigma)                          y_m: half of it
///
/// with d = (y - D) / sigma and mid the geometric mean of sigma and down. k-diffusion's
/// sample_heun, sample_dpm_2 and sample_dpm_2_ancestral; a step to noise level 0 is Euler's.
class TwoStageSolver : public Solver {
public:
    enum class Stage { heun, midpoint };
    struct Options {
        Stage second = Stage::heun;
        SplitStep split = ancestral(0);
        Churn churn = {};
        double s_noise = 1;
    };
    explicit TwoStageSolver(Options options) : options_(std::move(options)) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Options options_;
};

}  // namespace ldm::samplers
