#include "chapters/10_samplers/dpm_adaptive.h"

#include <algorithm>
#include <cmath>

#include "chapters/10_samplers/dpm_singlestep.h"
#include "chapters/10_samplers/euler.h"
#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"

namespace ldm::samplers {
namespace {

double sigma_at(double lambda) { return std::exp(-lambda); }

/// For each picture the mean square of (higher - lower) over what is allowed, max(atol, rtol
/// max(|lower|, |before|)).
std::vector<double> mean_squares(const Tensor& lower, const Tensor& higher, const Tensor& before,
                                 double atol, double rtol) {
    const Tensor l = ops::to(lower, Device::cpu), h = ops::to(higher, Device::cpu),
                 b = ops::to(before, Device::cpu);
    const std::int64_t each = l.size() / l.dim(0);
    std::vector<double> means;
    for (std::int64_t n = 0; n < l.dim(0); ++n) {
        double sum = 0;
        for (std::int64_t i = n * each; i < (n + 1) * each; ++i) {
            const float most = std::max(std::abs(l.data()[i]), std::abs(b.data()[i]));
            const double error = (h.data()[i] - l.data()[i]) / std::max(atol, rtol * most);
            sum += error * error;
        }
        means.push_back(sum / static_cast<double>(each));
    }
    return means;
}

}  // namespace

DpmAdaptiveSolver::Pair DpmAdaptiveSolver::both(Denoising& denoise, const Tensor& y, double from,
                                                double to) const {
    const double lambda = lambda_of(from), h = lambda_of(to) - lambda;
    StageValues stages{y, from, {}};
    const auto look = [&](const Tensor& at, double level) {
        stages.predictions.push_back(
            {level, predicted(options_.form, at, denoise(at, level), level)});
    };
    const auto update = [&](double level, Correction correction) {
        return singlestep_update(options_.form, correction, stages, level);
    };
    look(y, from);
    if (options_.order == 2) {
        const Tensor lower = update(to, options_.correction);
        const double middle = sigma_at(lambda + h / 2);
        look(update(middle, options_.correction), middle);
        return {lower, update(to, options_.correction)};
    }
    const double third = sigma_at(lambda + h / 3), two_thirds = sigma_at(lambda + 2 * h / 3);
    look(update(third, options_.correction), third);
    const Tensor lower = update(to, options_.correction);
    look(update(two_thirds, Correction::taylor), two_thirds);
    return {lower, update(to, options_.correction)};
}

Tensor DpmAdaptiveSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double from = denoise.sigma(i), end = denoise.sigma(i + 1);
    if (end == 0) return denoise(y, from);
    return options_.controller == Controller::dpm_solver ? by_dpm_solver(denoise, y, from, end)
                                                         : by_k_diffusion(denoise, y, from, end);
}

//! [adaptive]
Tensor DpmAdaptiveSolver::by_dpm_solver(Denoising& denoise, const Tensor& begin, double from,
                                        double end) const {
    const int T = denoise.table().timesteps();
    Tensor y = begin, before = to_x(y, from);
    double sigma = from, h = options_.h_init;
    while (std::abs(denoise.table().time(sigma) - denoise.table().time(end)) / T > 1e-5) {
        const double to = sigma_at(lambda_of(sigma) + h);
        const auto [lower, higher] = both(denoise, y, sigma, to);
        const double worst = std::sqrt(std::ranges::max(
            mean_squares(to_x(lower, to), to_x(higher, to), before, options_.atol, options_.rtol)));
        if (worst <= 1) {
            y = higher;
            before = to_x(lower, to);
            sigma = to;
        }
        h = std::min(0.9 * h * std::pow(worst, -1.0 / options_.order),
                     lambda_of(end) - lambda_of(sigma));
    }
    return y;
}
//! [adaptive]

Tensor DpmAdaptiveSolver::by_k_diffusion(Denoising& denoise, const Tensor& begin, double from,
                                         double end) const {
    const double last = lambda_of(end), order = options_.eta > 0 ? 1.5 : options_.order;
    Tensor y = begin, before = y;
    double lambda = lambda_of(from), h = options_.h_init;
    while (lambda < last - 1e-5) {
        const double next = std::min(last, lambda + h);
        const auto [down, up] =
            ancestral_step_above(end, sigma_at(lambda), sigma_at(next), options_.eta);
        const auto [lower, higher] = both(denoise, y, sigma_at(lambda), down);
        double mean = 0;
        const auto squares = mean_squares(lower, higher, before, options_.atol, options_.rtol);
        for (const double square : squares) mean += square / static_cast<double>(squares.size());
        // 1 + atan(x - 1) keeps a step from growing or shrinking too much at once
        const double wanted = std::pow(1 / (std::sqrt(mean) + 1e-8), 1 / order);
        const double factor = 1 + std::atan(wanted - 1);
        h *= factor;
        if (factor < 0.81) continue;
        before = lower;
        y = up == 0 ? higher
                    : combined(1, higher, up * options_.s_noise,
                               denoise.noise(y, sigma_at(lambda), sigma_at(next)));
        lambda = next;
    }
    return y;
}

}  // namespace ldm::samplers
