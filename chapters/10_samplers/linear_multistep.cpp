#include "chapters/10_samplers/linear_multistep.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/ops/elementwise.h"

namespace ldm::samplers {
namespace {

using Variable = LinearMultistepSolver::Variable;

/// The polynomial that is 1 at node j and 0 at the others.
double lagrange(std::span<const double> nodes, std::size_t j, double at) {
    double product = 1;
    for (std::size_t k = 0; k < nodes.size(); ++k)
        if (k != j) product *= (at - nodes[k]) / (nodes[j] - nodes[k]);
    return product;
}

/// The integral of f from a to b by Gauss and Legendre's rule with five points in each of 16
/// pieces: exact for polynomials up to degree 9, and to double precision for what stands here.
template <class Function>
double integral(double a, double b, const Function& f) {
    constexpr std::array<double, 5> at = {-0.9061798459386640, -0.5384693101056831, 0,
                                          0.5384693101056831, 0.9061798459386640};
    constexpr std::array<double, 5> weight = {0.2369268850561891, 0.4786286704993665,
                                              0.5688888888888889, 0.4786286704993665,
                                              0.2369268850561891};
    constexpr int pieces = 16;
    const double half = (b - a) / pieces / 2;
    double sum = 0;
    for (int piece = 0; piece < pieces; ++piece)
        for (std::size_t k = 0; k < at.size(); ++k)
            sum += weight[k] * half * f(a + half * (2 * piece + 1 + at[k]));
    return sum;
}

/// What `index` makes of it: as if dsigma were the same all along the step.
std::vector<double> by_index(std::size_t order, double dsigma) {
    std::vector<double> nodes(order);
    for (std::size_t k = 0; k < order; ++k) nodes[k] = -static_cast<double>(k);
    std::vector<double> factors;
    for (std::size_t j = 0; j < order; ++j)
        factors.push_back(dsigma * integral(0, 1, [&](double u) { return lagrange(nodes, j, u); }));
    return factors;
}

/// How many time steps upstream's PNDM takes a step for: T / steps, whatever the stops.
int step_in_time(const Denoising& denoise) { return denoise.table().timesteps() / denoise.steps(); }

}  // namespace

//! [weights]
std::vector<double> adams_bashforth(Variable variable, std::span<const double> nodes, double to) {
    if (variable == Variable::index) return by_index(nodes.size(), to - nodes[0]);
    const bool logs = variable == Variable::log_sigma;
    expect(!logs || to > 0, "a polynomial in log sigma cannot end at noise level 0");
    std::vector<double> u(nodes.begin(), nodes.end());
    if (logs) std::ranges::transform(u, u.begin(), [](double sigma) { return std::log(sigma); });
    std::vector<double> factors;
    for (std::size_t j = 0; j < u.size(); ++j)
        factors.push_back(integral(u[0], logs ? std::log(to) : to, [&](double at) {
            // dsigma = sigma dlog(sigma)
            return lagrange(u, j, at) * (logs ? std::exp(at) : 1);
        }));
    return factors;
}
//! [weights]

int LinearMultistepSolver::order_of(int i, int steps) const {
    const int known = static_cast<int>(predictions_.size());
    int order = std::min(options_.order, known);
    if (options_.lower_order_final && steps < 15) order = std::min(order, steps - i);
    return order;
}

//! [step]
Tensor LinearMultistepSolver::step(Denoising& denoise, int i, const Tensor& y) {
    const int made = made_++;
    if (options_.start == Start::runge_kutta && made < 3) return runge_kutta_step(denoise, i, y);

    const double sigma = denoise.sigma(i), end = denoise.end(i);
    remember(y, denoise(y, sigma), sigma);
    const bool has_next = denoise.steps() > 1;
    if (made == 0 && options_.start == Start::improved_euler &&
        (has_next || options_.always_twice)) {
        // what the network says where that leads, at the next stop's time
        const double next = has_next ? denoise.sigma(1) : sigma;
        const Tensor there =
            with_same_x(combined(1, y, end - sigma, direction(y, sigma, {1})), end, next);
        const Tensor first = predictions_.front();
        remember(there, denoise(there, next), next);
        // again, now as far as that: from a step's length above the next stop
        double begin = sigma, to = end;
        if (has_next && end != next) {
            begin = denoise.table().sigma(denoise.time(1) + step_in_time(denoise));
            to = next;
        }
        const Tensor from = with_same_x(y, sigma, begin);
        const Tensor mean = direction(from, begin, {0.5, 0.5});
        predictions_ = {first};
        return with_same_x(combined(1, from, to - begin, mean), to, end);
    }
    std::vector<double> nodes;
    for (int j = 0; j < order_of(i, denoise.steps()); ++j) nodes.push_back(denoise.sigma(i - j));
    std::vector<double> weights = adams_bashforth(options_.variable, nodes, end);
    if (end == sigma) return y;
    for (double& weight : weights) weight /= end - sigma;
    return combined(1, y, end - sigma, direction(y, sigma, weights));
}
//! [step]

void LinearMultistepSolver::remember(const Tensor& y, const Tensor& x0, double sigma) {
    Tensor prediction = Denoising::eps(y, x0, sigma);
    // v = sqrt(ac) (eps - sigma x0)
    if (options_.of_v) prediction = to_x(combined(1, prediction, -sigma, x0), sigma);
    predictions_.push_front(prediction);
    if (static_cast<int>(predictions_.size()) > options_.order) predictions_.pop_back();
}

/// The weighted sum of the last predictions, as noise in y.
Tensor LinearMultistepSolver::direction(const Tensor& y, double sigma,
                                        const std::vector<double>& weights) const {
    Tensor sum = static_cast<float>(weights[0]) * predictions_[0];
    for (std::size_t j = 1; j < weights.size(); ++j)
        sum = combined(1, sum, weights[j], predictions_[j]);
    if (!options_.of_v) return sum;
    // eps = sqrt(ac) v + sqrt(1 - ac) x
    return to_x(combined(1, sum, sigma, to_x(y, sigma)), sigma);
}

Tensor LinearMultistepSolver::runge_kutta_step(Denoising& denoise, int i, const Tensor& y) {
    const SigmaTable& table = denoise.table();
    const double sigma = denoise.sigma(i), next = denoise.sigma(i + 1);
    // half a step below this stop, and above the next one: the same where the stops are even
    const int half = step_in_time(denoise) / 2;
    const double below = table.sigma(denoise.time(i) - half);
    const double above = table.sigma(denoise.time(i + 1) + half);
    const auto after = [&](double to) {
        return combined(1, y, to - sigma, direction(y, sigma, {1}));
    };
    const auto look = [&](const Tensor& there, double at) {
        remember(there, denoise(there, at), at);
    };
    const std::deque<Tensor> earlier = predictions_;
    look(y, sigma);
    const Tensor first = predictions_.front();
    look(with_same_x(after(below), below, above), above);
    look(after(above), above);
    look(after(next), next);
    const Tensor mean = direction(y, sigma, {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6});
    predictions_ = earlier;
    predictions_.push_front(first);
    return with_same_x(combined(1, y, next - sigma, mean), next, denoise.end(i));
}

}  // namespace ldm::samplers
