#include "chapters/10_samplers/sigma_grid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cmath>

#include "common/nn/nearest_name.h"

namespace ldm::samplers {
namespace {

/// `count` numbers from a to b, both among them; a alone for a count of 1 (as torch.linspace).
std::vector<double> linspace(double a, double b, int count) {
    std::vector<double> numbers;
    for (int i = 0; i < count; ++i)
        numbers.push_back(count == 1 ? a : std::lerp(a, b, static_cast<double>(i) / (count - 1)));
    return numbers;
}

void expect_steps(int steps) {
    if (steps < 1) throw Error(fmt::format("{} steps, expected 1 or more", steps));
}

/// Stops at these times, falling.
ddpm::SigmaSchedule at_times(const SigmaTable& table, const std::vector<double>& times,
                             double last = 0) {
    ddpm::SigmaSchedule stops;
    for (const double time : times) {
        stops.timesteps.push_back(static_cast<float>(time));
        stops.sigmas.push_back(table.sigma(time));
    }
    stops.sigmas.push_back(last);
    return stops;
}

/// f(share) for shares from 0 to 1.
template <class Function>
std::vector<double> at_shares(int steps, const Function& f) {
    expect_steps(steps);
    std::vector<double> sigmas = linspace(0, 1, steps);
    std::ranges::transform(sigmas, sigmas.begin(), f);
    return sigmas;
}

double beta_quantile(double share, double alpha, double beta) {
    return boost::math::quantile(boost::math::beta_distribution<double>(alpha, beta), share);
}

}  // namespace

//! [sigmas]
std::vector<double> karras_sigmas(double largest, double smallest, int steps, double rho) {
    const double from = std::pow(largest, 1 / rho), to = std::pow(smallest, 1 / rho);
    return at_shares(steps,
                     [=](double share) { return std::pow(std::lerp(from, to, share), rho); });
}

std::vector<double> exponential_sigmas(double largest, double smallest, int steps, double rho) {
    const double from = std::log(smallest), to = std::log(largest);
    return at_shares(steps, [=](double share) {
        return std::exp(std::lerp(from, to, std::pow(1 - share, rho)));
    });
}

std::vector<double> beta_sigmas(double largest, double smallest, int steps) {
    return at_shares(steps, [=](double share) {
        return std::lerp(smallest, largest, beta_quantile(1 - share, 0.6, 0.6));
    });
}
//! [sigmas]

ddpm::SigmaSchedule grid_of(const SigmaTable& table, const std::vector<double>& sigmas,
                            double last) {
    ddpm::SigmaSchedule stops{{}, sigmas};
    for (const double sigma : sigmas)
        stops.timesteps.push_back(static_cast<float>(table.time(sigma)));
    stops.sigmas.push_back(last);
    return stops;
}

//! [grids]
ddpm::SigmaSchedule discrete_grid(const SigmaTable& table, int steps) {
    expect_steps(steps);
    return at_times(table, linspace(table.timesteps() - 1, 0, steps));
}

ddpm::SigmaSchedule karras_grid(const SigmaTable& table, int steps, double rho) {
    return grid_of(table, karras_sigmas(table.largest(), table.smallest(), steps, rho));
}

ddpm::SigmaSchedule exponential_grid(const SigmaTable& table, int steps) {
    return polyexponential_grid(table, steps, 1);
}

ddpm::SigmaSchedule polyexponential_grid(const SigmaTable& table, int steps, double rho) {
    return grid_of(table, exponential_sigmas(table.largest(), table.smallest(), steps, rho));
}

ddpm::SigmaSchedule sgm_uniform_grid(const SigmaTable& table, int steps) {
    expect_steps(steps);
    std::vector<double> times = linspace(table.timesteps() - 1, 0, steps + 1);
    times.pop_back();
    return at_times(table, times);
}

ddpm::SigmaSchedule simple_grid(const SigmaTable& table, int steps) {
    expect_steps(steps);
    const int T = table.timesteps();
    std::vector<double> times;
    for (int i = 0; i < steps; ++i)
        times.push_back(T - 1 - std::floor(i * (static_cast<double>(T) / steps)));
    return at_times(table, times);
}

ddpm::SigmaSchedule beta_grid(const SigmaTable& table, int steps, double alpha, double beta) {
    expect_steps(steps);
    std::vector<double> times;
    for (int i = 0; i < steps; ++i) {
        const double quantile = beta_quantile(1 - static_cast<double>(i) / steps, alpha, beta);
        times.push_back(std::nearbyint(quantile * (table.timesteps() - 1)));
    }
    return at_times(table, times);
}
//! [grids]

ddpm::SigmaSchedule align_your_steps_grid(const SigmaTable& table, int steps) {
    expect_steps(steps);
    // https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html, Stable Diffusion 1.5
    constexpr double published[] = {14.615, 6.475, 3.861, 2.697, 1.886, 1.396,
                                    0.963,  0.652, 0.399, 0.152, 0.029};
    constexpr int count = std::size(published);
    std::vector<double> sigmas;
    for (int i = 0; i < steps; ++i) {
        const double place = static_cast<double>(i) * (count - 1) / steps;
        const int low = static_cast<int>(place);
        sigmas.push_back(std::exp(
            std::lerp(std::log(published[low]), std::log(published[low + 1]), place - low)));
    }
    return grid_of(table, sigmas);
}

ddpm::SigmaSchedule ddim_grid(const SigmaTable& table, int steps) {
    const int T = table.timesteps();
    if (steps < 1 || steps > T)
        throw Error(fmt::format("the ddim schedule has 1 to {} steps, not {}", T, steps));
    std::vector<double> times;
    const int first = steps < T ? 1 : 0;
    for (std::int64_t k = steps - 1; k >= 0; --k) {
        const std::int64_t time = k * T / steps + first;
        times.push_back(static_cast<double>(time));
    }
    return at_times(table, times, table.smallest());
}

const std::vector<GridKind>& grids() {
    static const std::vector<GridKind> all = {
        {"karras", "Karras", "many steps where there is little noise (Karras et al., 2022)",
         [](const SigmaTable& table, int n) { return karras_grid(table, n); }},
        {"discrete", "Uniform", "evenly in time, as k-diffusion does by itself", discrete_grid},
        {"exponential", "Exponential", "evenly in log sigma", exponential_grid},
        {"polyexponential", "Polyexponential", "log sigma as a power of the steps left",
         [](const SigmaTable& table, int n) { return polyexponential_grid(table, n); }},
        {"sgm_uniform", "SGM Uniform", "evenly in time, the last step as long as the others",
         sgm_uniform_grid},
        {"simple", "Simple", "every so many-th step of the training", simple_grid},
        {"beta", "Beta", "more steps at both ends (Lee et al., 2024)",
         [](const SigmaTable& table, int n) { return beta_grid(table, n); }},
        {"ays", "Align Your Steps", "found best for SD 1.5 in 10 steps (Sabour et al., 2024)",
         align_your_steps_grid},
        {"ddim", "DDIM", "evenly in time and a trace of noise stays (Song et al., 2021)",
         ddim_grid},
    };
    return all;
}

const GridKind& find_grid(const std::string& name) {
    const auto found = std::ranges::find(grids(), name, &GridKind::name);
    if (found != grids().end()) return *found;
    std::vector<std::string> names;
    for (const GridKind& kind : grids()) names.push_back(kind.name);
    throw Error(fmt::format("unknown schedule '{}'{}: there are {}", name,
                            nn::nearest_names(name, names), fmt::join(names, ", ")));
}

}  // namespace ldm::samplers
