#include "chapters/01_ddpm/betas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/error.h"

namespace ldm::ddpm {
namespace {

/// `count` numbers from `first` to `last`, both included.
std::vector<double> straight_line(double first, double last, int count) {
    std::vector<double> line(count, first);
    for (int i = 1; i < count; ++i) line[i] = first + i * ((last - first) / (count - 1));
    if (count > 1) line.back() = last;
    return line;
}

std::vector<double> mapped(std::vector<double> values, double (*f)(double)) {
    std::ranges::transform(values, values.begin(), f);
    return values;
}

}  // namespace

std::vector<double> make_beta_schedule(const std::string& kind, int n_timestep, double linear_start,
                                       double linear_end, double cosine_s) {
    expect(n_timestep >= 1, fmt::format("'timesteps' must be at least 1, got {}", n_timestep));
    std::vector<double> betas;
    //! [betas]
    if (kind == "linear") {
        betas = mapped(straight_line(std::sqrt(linear_start), std::sqrt(linear_end), n_timestep),
                       [](double root) { return root * root; });
    } else if (kind == "sqrt_linear") {
        betas = straight_line(linear_start, linear_end, n_timestep);
    } else if (kind == "sqrt") {
        betas = mapped(straight_line(linear_start, linear_end, n_timestep), std::sqrt);
    } else if (kind == "cosine") {
        betas = betas_for_alpha_bar(
            n_timestep, [&](double u) { return cosine_alpha_bar(u, cosine_s); }, 0.999);
    } else {
        fail(fmt::format("'beta_schedule' is '{}', expected linear, sqrt_linear, sqrt or cosine",
                         kind));
    }
    //! [betas]
    for (double beta : betas)
        expect(beta >= 0.0 && beta < 1.0,
               fmt::format("'{}' from {} to {}: a beta of {}, expected [0, 1)", kind, linear_start,
                           linear_end, beta));
    return betas;
}

std::vector<double> betas_for_alpha_bar(int num_diffusion_timesteps,
                                        const std::function<double(double)>& alpha_bar,
                                        double max_beta) {
    const double n = num_diffusion_timesteps;
    std::vector<double> betas;
    for (int i = 0; i < num_diffusion_timesteps; ++i)
        betas.push_back(std::min(1.0 - alpha_bar((i + 1) / n) / alpha_bar(i / n), max_beta));
    return betas;
}

double cosine_alpha_bar(double u, double s) {
    const double root = std::cos((u + s) / (1.0 + s) * std::numbers::pi / 2.0);
    return root * root;
}

std::vector<double> cumulative_alphas(const std::vector<double>& betas) {
    std::vector<double> products;
    double product = 1.0;
    for (double beta : betas) products.push_back(product *= 1.0 - beta);
    return products;
}

}  // namespace ldm::ddpm
