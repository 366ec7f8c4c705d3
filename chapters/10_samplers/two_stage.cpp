#include "chapters/10_samplers/two_stage.h"

#include <cmath>

#include "common/ops/elementwise.h"

namespace ldm::samplers {

//! [step]
Tensor TwoStageSolver::step(Denoising& denoise, int i, const Tensor& before) {
    const auto [y, sigma] = churned(options_.churn, options_.s_noise, denoise, i, before);
    const auto [down, up] = options_.split(i, sigma, denoise.sigma(i + 1));
    const Tensor x0 = denoise(y, sigma);
    if (down == 0) return noised(denoise, i, x0, up, options_.s_noise);

    const Tensor d = Denoising::eps(y, x0, sigma);
    Tensor direction;
    if (options_.second == Stage::heun) {
        const Tensor there = combined(1, y, down - sigma, d);
        direction = 0.5f * (d + Denoising::eps(there, denoise(there, down), down));
    } else {
        const double mid = std::sqrt(sigma * down);
        const Tensor there = combined(1, y, mid - sigma, d);
        direction = Denoising::eps(there, denoise.between(there, mid), mid);
    }
    return noised(denoise, i, combined(1, y, down - sigma, direction), up, options_.s_noise);
}
//! [step]

}  // namespace ldm::samplers
