#pragma once

#include <string>
#include <vector>

#include "chapters/01_ddpm/schedule.h"

namespace ldm::ddpm {

/// At which times a sampler asks the network, and how much noise there is at each: sigma is the
/// noise's share over the picture's, sqrt((1 - ac) / ac), so that x = sqrt(ac) (x0 + sigma noise).
/// The noisiest time stands first. Step i leads from sigmas[i] to sigmas[i + 1].
struct SigmaSchedule {
    /// [K]; whole steps of the training, or between them
    std::vector<float> timesteps;
    /// [K + 1], falling; the last is where the last step ends, 0 if no noise is left
    std::vector<double> sigmas;

    int steps() const { return static_cast<int>(timesteps.size()); }

    /// ac at stop i: 1 / (1 + sigma^2). Where sigma came from a float ac, that ac again.
    float alpha_cumprod(int i) const;
};

/// sqrt((1 - ac) / ac).
double sigma_of(double alpha_cumprod);

/// These whole time steps of a schedule, given lowest first as upstream has them, each at least 0.
SigmaSchedule sigmas_at(const Schedule& schedule, const std::vector<int>& timesteps,
                        double last_sigma);

}  // namespace ldm::ddpm
