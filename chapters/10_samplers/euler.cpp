#include "chapters/10_samplers/euler.h"

#include <algorithm>
#include <cmath>

#include "common/ops/elementwise.h"

namespace ldm::samplers {

//! [split]
Split ancestral_step(double from, double to, double eta) {
    const double up = std::min(to, eta * to * std::sqrt(from * from - to * to) / from);
    return {std::sqrt(to * to - up * up), up};
}
//! [split]

Split ancestral_step_above(double end, double from, double to, double eta) {
    const double down = std::max(end, ancestral_step(from, to, eta).down);
    return {down, std::sqrt(std::max(0.0, to * to - down * down))};
}

SplitStep ancestral(double eta) {
    return [eta](int, double from, double to) { return ancestral_step(from, to, eta); };
}

SplitStep ancestral_with_large_variance(bool noise_at_end) {
    return [noise_at_end](int, double from, double to) -> Split {
        // the variance beta of the step, seen in y: (1 - ac / ac') / ac'
        const double variance = (1 + to * to) * (from * from - to * to) / (1 + from * from);
        return {ancestral_step(from, to, 1).down,
                to == 0 && !noise_at_end ? 0 : std::sqrt(variance)};
    };
}

SplitStep all_noise_back() {
    return [](int, double, double to) -> Split { return {0, to}; };
}

SplitStep down_by_time(const SigmaTable& table, std::vector<float> times, double gamma) {
    return [table, times = std::move(times), gamma](int i, double, double to) -> Split {
        const bool last = i + 1 == static_cast<int>(times.size());
        const double next = last ? 0 : times[i + 1];
        const double down = table.sigma(std::floor((1 - gamma) * next));
        return {down, last ? 0 : std::sqrt(std::max(to * to - down * down, 0.0))};
    };
}

double Churn::factor(double sigma, int steps) const {
    if (sigma < s_tmin || sigma > s_tmax) return 1;
    return 1 + std::min(s_churn / steps, std::sqrt(2.0) - 1);
}

Churned churned(const Churn& churn, double s_noise, const Denoising& denoise, int i,
                const Tensor& y) {
    const double sigma = denoise.sigma(i);
    if (churn.s_churn == 0) return {y, sigma};
    // as upstream, also where none is added
    const Tensor noise = denoise.noise(y, sigma, denoise.end(i));
    const double raised = sigma * churn.factor(sigma, denoise.steps());
    if (raised == sigma) return {y, sigma};
    return {combined(1, y, s_noise * std::sqrt(raised * raised - sigma * sigma), noise), raised};
}

//! [euler]
Tensor euler_step(const Tensor& y, const Tensor& x0, double sigma, double down) {
    if (down == 0) return x0;
    return combined(down / sigma, y, 1 - down / sigma, x0);
}

Tensor EulerSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const auto [raised, sigma] = churned(options_.churn, options_.s_noise, denoise, i, y);
    const auto [down, up] = options_.split(i, sigma, denoise.end(i));
    const Tensor x0 = denoise(raised, sigma);
    Tensor there = euler_step(raised, x0, sigma, down);
    if (options_.direction_as_predicted && down > 0)
        there = combined(1, x0, down, Denoising::eps(raised, denoise.unchanged(), sigma));
    return noised(denoise, i, there, up, options_.s_noise);
}
//! [euler]

Tensor noised(const Denoising& denoise, int i, const Tensor& y, double up, double s_noise) {
    if (up == 0) return y;
    const Tensor noise = denoise.noise(y, denoise.sigma(i), denoise.end(i));
    return combined(1, y, up * s_noise, noise);
}

}  // namespace ldm::samplers
