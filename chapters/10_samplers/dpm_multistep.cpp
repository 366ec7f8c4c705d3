#include "chapters/10_samplers/dpm_multistep.h"

#include <algorithm>
#include <cmath>

#include "common/ops/elementwise.h"

namespace ldm::samplers {

int DpmMultistepSolver::order_of(const Denoising& denoise, int i) const {
    const int steps = denoise.steps() - options_.after_final, left = steps - i;
    int order = std::min(options_.order, static_cast<int>(predictions_.size()));
    if (options_.lower_order_final && steps < 15) order = std::min(order, left);
    if (left == 1 && (options_.euler_at_final || denoise.sigma(i + 1) == 0)) order = 1;
    return order;
}

//! [step]
Tensor DpmMultistepSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double sigma = denoise.sigma(i), next = denoise.sigma(i + 1);
    const Tensor x0 = denoise(y, sigma);
    if (next == 0) return x0;
    predictions_.push_front(predicted(options_.form, y, x0, sigma));
    if (static_cast<int>(predictions_.size()) > options_.order) predictions_.pop_back();

    const int order = order_of(denoise, i);
    // With three points the polynomial's own integral is the only one in use.
    const Correction correction = order == 3 ? Correction::taylor : options_.correction;
    StepWeights weights = step_weights(options_.form, correction, sigma, next, options_.eta);
    Tensor there = combined(weights.keep, y, weights.first, predictions_[0]);

    const auto lambda = [&](int stop) { return lambda_of(denoise.sigma(stop)); };
    const double h = lambda(i + 1) - lambda(i);
    if (order >= 2) {
        // slopes per h between the stops
        const double r0 = (lambda(i) - lambda(i - 1)) / h;
        const Tensor slope = (1 / static_cast<float>(r0)) * (predictions_[0] - predictions_[1]);
        if (order == 2) {
            there = combined(1, there, weights.second, slope);
        } else {
            const double r1 = (lambda(i - 1) - lambda(i - 2)) / h;
            const Tensor earlier =
                (1 / static_cast<float>(r1)) * (predictions_[1] - predictions_[2]);
            const Tensor bend = (1 / static_cast<float>(r0 + r1)) * (slope - earlier);
            const Tensor slope_here = combined(1, slope, r0, bend);
            if (options_.as_diffusers_third_order_sde && options_.eta > 0) weights.third -= 1;
            if (options_.whole_curvature) weights.third *= 2;
            there = combined(1, there, weights.second, slope_here);
            there = combined(1, there, weights.third, bend);
        }
    }
    const double added = step_noise(options_.form, sigma, next, options_.eta);
    if (added == 0) return there;
    return combined(1, there, added * options_.s_noise, denoise.noise(y, sigma, next));
}
//! [step]

}  // namespace ldm::samplers
