#pragma once

#include <vector>

#include "chapters/01_ddpm/sigma_schedule.h"
#include "chapters/08_ldm_pipeline/scheduler_settings.h"
#include "chapters/10_samplers/sigma_table.h"

namespace ldm::samplers {

using pipeline::SchedulerSettings;

/// The times of a scheduler's stops, noisiest first, as `timestep_spacing` says ("Common diffusion
/// noise schedules and sample steps are flawed", Lin et al., 2024, table 2). DDIM's and
/// k-diffusion's relatives, which have T - 1 and 0 among them for linspace.
std::vector<double> spaced_times(const SchedulerSettings& settings, int steps, bool rounded);

/// The same for the DPM-Solver family, whose linspace and leading have one stop more and leave the
/// last one out.
std::vector<double> solver_times(const SchedulerSettings& settings, const SigmaTable& table,
                                 int steps);

/// Stops of DDIM, DDPM and PNDM: whole times of the table; the last step ends at `last`.
ddpm::SigmaSchedule stops_at(const SigmaTable& table, const std::vector<double>& times,
                             double last);

/// Stops of k-diffusion's relatives: Karras and so on between the noise levels that the spacing
/// would have had.
ddpm::SigmaSchedule k_diffusion_stops(const SchedulerSettings& settings, const SigmaTable& table,
                                      int steps);

/// Stops of the DPM-Solver family: Karras and so on between the table's ends, whole times.
ddpm::SigmaSchedule solver_stops(const SchedulerSettings& settings, const SigmaTable& table,
                                 int steps);

}  // namespace ldm::samplers
