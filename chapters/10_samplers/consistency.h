#pragma once

#include <memory>
#include <optional>

#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// Stops of LCM and TCD: some of the `distilled` times, evenly spaced over the schedule, that the
/// model was distilled for. Throws for more steps than those.
ddpm::SigmaSchedule consistency_stops(const SigmaTable& table, int steps, int distilled,
                                      double last);

/// The boundary condition of a consistency model (Luo et al., 2023): c_out x0 + c_skip x, which is
/// x itself at time 0 (times scaling, against a deviation of 0.5).
ChangeX0 boundary_condition(const SigmaTable& table, double timestep_scaling);

/// LCM, or TCD with its gamma (0.3), for models that were distilled for 50 times.
std::unique_ptr<SigmaSampler> make_consistency_sampler(const ddpm::Schedule& schedule, int steps,
                                                       bool trajectory,
                                                       std::optional<double> gamma = {});

}  // namespace ldm::samplers
