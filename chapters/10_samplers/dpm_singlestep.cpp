#include "chapters/10_samplers/dpm_singlestep.h"

#include <cmath>

#include "common/ops/elementwise.h"

namespace ldm::samplers {
namespace {

/// (b - a) / r: a slope per h, where r is the share of h between them.
Tensor slope(const Tensor& a, const Tensor& b, double r) {
    return (1 / static_cast<float>(r)) * (b - a);
}

/// The noise level at a share r of a step, in lambda.
double within(double from, double to, double r) {
    return std::exp(std::lerp(std::log(from), std::log(to), r));
}

Tensor with_noise(const Denoising& denoise, const Tensor& y, double from, double to, double up) {
    return up == 0 ? y : combined(1, y, up, denoise.noise(y, from, to));
}

}  // namespace

//! [update]
Tensor singlestep_update(Form form, Correction correction, const StageValues& stages, double to,
                         double eta, double more_of_third) {
    const auto& m = stages.predictions;
    const StepWeights weights =
        step_weights(form, m.size() == 3 ? Correction::taylor : correction, stages.sigma, to, eta);
    Tensor there = combined(weights.keep, stages.y, weights.first, m[0].value);
    if (m.size() == 1 || to == 0) return there;

    const double h = lambda_of(to) - lambda_of(stages.sigma);
    const auto share = [&](std::size_t k) {
        return (lambda_of(m[k].sigma) - lambda_of(stages.sigma)) / h;
    };
    const Tensor first = slope(m[0].value, m[1].value, share(1));
    if (m.size() == 2) return combined(1, there, weights.second, first);

    const double r1 = share(1), r2 = share(2);
    const Tensor second = slope(m[0].value, m[2].value, r2);
    if (correction == Correction::midpoint) return combined(1, there, weights.second, second);
    // the parabola through all three: its slope at the beginning and its curvature
    const Tensor bend = (2 / static_cast<float>(r2 - r1)) * (second - first);
    const Tensor slope_here = combined(r2 / (r2 - r1), first, -r1 / (r2 - r1), second);
    there = combined(1, there, weights.second, slope_here);
    return combined(1, there, weights.third + more_of_third, bend);
}
//! [update]

Tensor singlestep(Denoising& denoise, Form form, Correction correction, const Tensor& y,
                  double sigma, double to, const std::vector<double>& inner, const Tensor& x0) {
    StageValues stages{y, sigma, {}};
    const auto look = [&](const Tensor& at, double level, const Tensor& known = {}) {
        const Tensor picture = known ? known : denoise(at, level);
        stages.predictions.push_back({level, predicted(form, at, picture, level)});
    };
    look(y, sigma, x0);
    for (const double level : inner)
        look(singlestep_update(form, Correction::taylor, stages, level), level);
    return singlestep_update(form, correction, stages, to);
}

std::vector<int> singlestep_orders(int calls, int order) {
    std::vector<int> orders(calls / order, order);
    const int left = calls % order;
    if (left > 0) {
        orders.push_back(left);
    } else if (order == 3) {
        // the last step is short: two steps of 2 and 1 for one of 3
        orders.back() = 2;
        orders.push_back(1);
    }
    return orders;
}

Tensor DpmSinglestepSolver::step(Denoising& denoise, int i, const Tensor& y) {
    return singlestep(denoise, options_.form, options_.correction, y, denoise.sigma(i),
                      denoise.sigma(i + 1), options_.inner[i]);
}

Tensor DpmFastSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double sigma = denoise.sigma(i), end = denoise.sigma(denoise.steps());
    const auto [down, up] = ancestral_step_above(end, sigma, denoise.sigma(i + 1), options_.eta);
    const int order = options_.orders[i];
    std::vector<double> inner;
    for (int k = 1; k < order; ++k)
        inner.push_back(within(sigma, down, static_cast<double>(k) / order));
    const Tensor there =
        singlestep(denoise, Form::noise, Correction::midpoint, y, sigma, down, inner);
    return noised(denoise, i, there, up, options_.s_noise);
}

Tensor DpmStagesSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double sigma = denoise.sigma(i), to = denoise.sigma(i + 1);
    const Tensor prediction = predicted(options_.form, y, denoise(y, sigma), sigma);
    // a run may begin within a group
    if (options_.orders[i] == 1 || stages_.predictions.empty()) stages_ = {y, sigma, {}};
    stages_.predictions.push_back({sigma, prediction});
    const Tensor there =
        singlestep_update(options_.form, options_.correction, stages_, to, options_.eta,
                          options_.as_diffusers_third_order_sde && options_.eta > 0 ? -1 : 0);
    return with_noise(denoise, there, sigma, to,
                      step_noise(options_.form, stages_.sigma, to, options_.eta));
}

//! [ancestral]
Tensor AncestralDpmSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double sigma = denoise.sigma(i), to = denoise.sigma(i + 1);
    const auto [down, up] = ancestral_step(sigma, to, eta_);
    if (down == 0) return noised(denoise, i, denoise(y, sigma), up, s_noise_);
    // half way in lambda the first-order step, and from there the picture for the whole step
    const double middle = within(sigma, down, 0.5);
    const Tensor there = euler_step(y, denoise(y, sigma), sigma, middle);
    return noised(denoise, i, euler_step(y, denoise(there, middle), sigma, down), up, s_noise_);
}

Tensor SdeDpmSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double sigma = denoise.sigma(i), to = denoise.sigma(i + 1);
    const Tensor x0 = denoise(y, sigma);
    if (to == 0) return x0;
    const double middle = within(sigma, to, r_);
    const Split first = ancestral_step(sigma, middle, eta_);
    const Tensor there = with_noise(denoise, euler_step(y, x0, sigma, first.down), sigma, middle,
                                    first.up * s_noise_);
    const double share = 1 / (2 * r_);
    const Tensor picture = combined(1 - share, x0, share, denoise(there, middle));
    const Split whole = ancestral_step(sigma, to, eta_);
    return with_noise(denoise, euler_step(y, picture, sigma, whole.down), sigma, to,
                      whole.up * s_noise_);
}
//! [ancestral]

}  // namespace ldm::samplers
