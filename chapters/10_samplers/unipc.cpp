#include "chapters/10_samplers/unipc.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/ops/elementwise.h"

namespace ldm::samplers {
namespace {

double b_of(UniPcSolver::B b, double hh) { return b == UniPcSolver::B::bh1 ? hh : std::expm1(hh); }

/// Gauss's elimination for n equations, each the factors and the right side: n is 4 at most.
std::vector<double> solved(std::vector<std::vector<double>> rows) {
    const std::size_t n = rows.size();
    for (std::size_t k = 0; k < n; ++k) {
        const auto largest = [k](const auto& a, const auto& b) {
            return std::abs(a[k]) < std::abs(b[k]);
        };
        std::swap(rows[k], *std::max_element(rows.begin() + k, rows.end(), largest));
        for (std::size_t i = 0; i < n; ++i) {
            if (i == k) continue;
            const double factor = rows[i][k] / rows[k][k];
            for (std::size_t j = k; j <= n; ++j) rows[i][j] -= factor * rows[k][j];
        }
    }
    std::vector<double> x;
    for (std::size_t k = 0; k < n; ++k) x.push_back(rows[k][n] / rows[k][k]);
    return x;
}

}  // namespace

//! [weights]
std::vector<double> unipc_weights(const std::vector<double>& r, double hh, double by) {
    const std::size_t n = r.size();
    // each row: the powers of r, and b_k
    std::vector<std::vector<double>> rows(n, std::vector<double>(n + 1));
    double phi = std::expm1(hh) / hh - 1, factorial = 1;
    for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t j = 0; j < n; ++j) rows[k][j] = std::pow(r[j], static_cast<double>(k));
        rows[k][n] = phi * factorial / by;
        factorial *= static_cast<double>(k + 2);
        phi = phi / hh - 1 / factorial;
    }
    return solved(std::move(rows));
}
//! [weights]

//! [step]
Tensor UniPcSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const double sigma = denoise.sigma(i), to = denoise.sigma(i + 1);
    const Tensor prediction = predicted(options_.form, y, denoise(y, sigma), sigma);
    const bool corrects =
        !predictions_.empty() &&
        std::ranges::find(options_.disable_corrector, i - 1) == options_.disable_corrector.end();
    const Tensor here = corrects ? corrected(denoise, i, prediction) : y;

    predictions_.push_front(prediction);
    if (static_cast<int>(predictions_.size()) > options_.order) predictions_.pop_back();
    last_y_ = here;
    last_order_ = static_cast<int>(predictions_.size());
    if (options_.lower_order_final) last_order_ = std::min(last_order_, denoise.steps() - i);

    const StepWeights weights = step_weights(options_.form, Correction::taylor, sigma, to);
    Tensor there = combined(weights.keep, here, weights.first, prediction);
    if (last_order_ == 1) return there;

    const double h = lambda_of(to) - lambda_of(sigma);
    const double hh = options_.form == Form::data ? -h : h, by = b_of(options_.b, hh);
    std::vector<double> r;
    for (int k = 1; k < last_order_; ++k)
        r.push_back((lambda_of(denoise.sigma(i - k)) - lambda_of(sigma)) / h);
    const bool half = last_order_ == 2 && !options_.solved_weight;
    const std::vector<double> rho = half ? std::vector{0.5} : unipc_weights(r, hh, by);
    const double scale = options_.form == Form::data ? by : to * by;
    for (int k = 1; k < last_order_; ++k)
        there =
            combined(1, there, -scale * rho[k - 1] / r[k - 1], predictions_[k] - predictions_[0]);
    return there;
}

/// The point of stop i again, now that the network's prediction there is known.
Tensor UniPcSolver::corrected(const Denoising& denoise, int i, const Tensor& prediction) const {
    const double from = denoise.sigma(i - 1), sigma = denoise.sigma(i);
    const StepWeights weights = step_weights(options_.form, Correction::taylor, from, sigma);
    Tensor here = combined(weights.keep, last_y_, weights.first, predictions_[0]);

    const double h = lambda_of(sigma) - lambda_of(from);
    const double hh = options_.form == Form::data ? -h : h, by = b_of(options_.b, hh);
    std::vector<double> r;
    for (int k = 1; k < last_order_; ++k)
        r.push_back((lambda_of(denoise.sigma(i - 1 - k)) - lambda_of(from)) / h);
    r.push_back(1);
    const std::vector<double> rho = last_order_ == 1 ? std::vector{0.5} : unipc_weights(r, hh, by);
    const double scale = options_.form == Form::data ? by : sigma * by;
    for (int k = 1; k < last_order_; ++k)
        here = combined(1, here, -scale * rho[k - 1] / r[k - 1], predictions_[k] - predictions_[0]);
    return combined(1, here, -scale * rho.back(), prediction - predictions_[0]);
}
//! [step]

}  // namespace ldm::samplers
