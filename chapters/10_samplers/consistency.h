#pragma once

#include <memory>

#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// Stops of LCM and TCD: some of the `distilled` times, evenly spaced over the schedule, that the
/// model was distilled for. Throws for more steps than those.
ddpm::SigmaSchedule consistency_stops(const SigmaTable& table, int steps, int distilled,
                                      double last);

/// The boundary condition of a consistency model (Luo et al., 2023): c_out x0 + c_skip x, which is
/// x itself at time 0 (times scaling, against a deviation of 0.5).
/// Of `first`, if there is one, applied to x0.
ChangeX0 boundary_condition(const SigmaTable& table, double timestep_scaling, ChangeX0 first = {});

/// LCM, or TCD.
struct ConsistencyOptions {
    /// TCD: to a point of the trajectory instead of its end
    bool trajectory = false;
    /// TCD's: how far down before the noise comes back, 0 to 1
    double gamma = 0.3;
    /// for how many times the model was distilled
    int distilled = 50;
    /// of LCM's boundary condition
    double timestep_scaling = 10;
    /// applied to each predicted x0 before the boundary condition
    ChangeX0 change_x0 = {};
};

/// Throws an Error for a gamma outside 0 … 1 and for more steps than `distilled`.
std::unique_ptr<SigmaSampler> make_consistency_sampler(const ddpm::Schedule& schedule, int steps,
                                                       const ConsistencyOptions& options);

}  // namespace ldm::samplers
