#include "chapters/10_samplers/sigma_table.h"

#include <algorithm>
#include <cmath>

#include "chapters/01_ddpm/sigma_schedule.h"

namespace ldm::samplers {
namespace {

/// Where a time lies: the step at or below it, and how far beyond that.
struct Place {
    int low;
    double share;
};

Place place_of(double time, int timesteps) {
    const int low = std::clamp(static_cast<int>(std::floor(time)), 0, std::max(timesteps - 2, 0));
    return {low, time - low};
}

}  // namespace

SigmaTable::SigmaTable(const ddpm::Schedule& schedule, Between between) : between_(between) {
    for (const float ac : schedule.alphas_cumprod.values()) {
        const float sigma = std::sqrt((1 - ac) / ac);
        sigmas_.push_back(sigma);
        values_.push_back(between_ == Between::log_sigma ? std::log(sigma)
                                                         : to_value(ddpm::sigma_of(ac)));
    }
}

double SigmaTable::to_value(double sigma) const {
    // alpha = sqrt(ac) = 1 / sqrt(1 + sigma^2)
    return between_ == Between::log_sigma ? std::log(sigma) : 0.5 * std::log1p(sigma * sigma);
}

double SigmaTable::to_sigma(double value) const {
    return between_ == Between::log_sigma ? std::exp(value) : std::sqrt(std::expm1(2 * value));
}

double SigmaTable::kept_inside(double time) const {
    return between_ == Between::log_sigma ? std::clamp(time, 0.0, timesteps() - 1.0) : time;
}

bool SigmaTable::is_step(double time) const {
    return time >= 0 && time <= timesteps() - 1 && time == std::floor(time);
}

double SigmaTable::sigma(double time) const {
    const double inside = kept_inside(time);
    if (is_step(inside)) return at(static_cast<int>(inside));
    const auto [low, share] = place_of(inside, timesteps());
    return to_sigma(std::lerp(values_[low], values_[low + 1], share));
}

double SigmaTable::sigma_linear(double time) const {
    const double inside = std::clamp(time, 0.0, timesteps() - 1.0);
    if (is_step(inside)) return at(static_cast<int>(inside));
    const auto [low, share] = place_of(inside, timesteps());
    return std::lerp(at(low), at(low + 1), share);
}

double SigmaTable::time(double sigma) const {
    const double wanted = to_value(sigma);
    const auto above = std::upper_bound(values_.begin() + 1, values_.end() - 1, wanted);
    const double low = above[-1], high = *above;
    return kept_inside(static_cast<double>(above - values_.begin() - 1) +
                       (wanted - low) / (high - low));
}

double SigmaTable::network_time(double sigma) const {
    return between_ == Between::log_alpha ? time(sigma) * 1000 / timesteps() : time(sigma);
}

}  // namespace ldm::samplers
