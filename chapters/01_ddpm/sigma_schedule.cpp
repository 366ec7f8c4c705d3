#include "chapters/01_ddpm/sigma_schedule.h"

#include <fmt/format.h>

#include <cmath>

namespace ldm::ddpm {

double sigma_of(double alpha_cumprod) { return std::sqrt((1.0 - alpha_cumprod) / alpha_cumprod); }

float SigmaSchedule::alpha_cumprod(int i) const {
    return static_cast<float>(1.0 / (1.0 + sigmas[i] * sigmas[i]));
}

SigmaSchedule sigmas_at(const Schedule& schedule, const std::vector<int>& timesteps,
                        double last_sigma) {
    SigmaSchedule stops;
    for (auto t = timesteps.rbegin(); t != timesteps.rend(); ++t) {
        expect(*t >= 0 && *t < schedule.timesteps(),
               fmt::format("time step {} of a schedule with steps 0 to {}", *t,
                           schedule.timesteps() - 1));
        stops.timesteps.push_back(static_cast<float>(*t));
        stops.sigmas.push_back(sigma_of(schedule.alphas_cumprod.data()[*t]));
    }
    stops.sigmas.push_back(last_sigma);
    return stops;
}

}  // namespace ldm::ddpm
