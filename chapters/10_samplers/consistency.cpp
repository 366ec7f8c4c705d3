#include "chapters/10_samplers/consistency.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "chapters/10_samplers/euler.h"

namespace ldm::samplers {

ddpm::SigmaSchedule consistency_stops(const SigmaTable& table, int steps, int distilled,
                                      double last) {
    const int T = table.timesteps();
    if (distilled < 1 || distilled > T || steps < 1 || steps > distilled)
        throw Error(
            fmt::format("{} steps: such a model was distilled for {} of {}, and makes 1 to "
                        "as many",
                        steps, distilled, T));
    ddpm::SigmaSchedule stops;
    for (int i = 0; i < steps; ++i) {
        const auto skipped =
            static_cast<int>(std::floor(i * (static_cast<double>(distilled) / steps)));
        const int time = (distilled - skipped) * (T / distilled) - 1;
        stops.timesteps.push_back(static_cast<float>(time));
        stops.sigmas.push_back(table.sigma(time));
    }
    stops.sigmas.push_back(last);
    return stops;
}

ChangeX0 boundary_condition(const SigmaTable& table, double timestep_scaling, ChangeX0 first) {
    return [table, timestep_scaling, first = std::move(first)](const Tensor& x0, const Tensor& x,
                                                               double sigma) {
        constexpr double deviation = 0.5;
        const double time = std::nearbyint(table.time(sigma)) * timestep_scaling;
        const double square = time * time + deviation * deviation;
        return combined(time / std::sqrt(square), first ? first(x0, x, sigma) : x0,
                        deviation * deviation / square, x);
    };
}

std::unique_ptr<SigmaSampler> make_consistency_sampler(const ddpm::Schedule& schedule, int steps,
                                                       const ConsistencyOptions& options) {
    const double gamma = options.gamma;
    if (!(gamma >= 0 && gamma <= 1))
        throw Error(fmt::format("TCD's gamma (--eta) is {:g}, expected 0 to 1", gamma));
    const SigmaTable table(schedule);
    const bool trajectory = options.trajectory;
    ddpm::SigmaSchedule stops =
        consistency_stops(table, steps, options.distilled, trajectory ? table.smallest() : 0);
    const SplitStep split =
        trajectory ? down_by_time(table, stops.timesteps, gamma) : all_noise_back();
    const ChangeX0 change =
        trajectory ? options.change_x0
                   : boundary_condition(table, options.timestep_scaling, options.change_x0);
    return std::make_unique<SigmaSampler>(schedule, std::move(stops),
                                          makes<EulerSolver>({.split = split}),
                                          SigmaSampler::Options{.change_x0 = change});
}

}  // namespace ldm::samplers
