#pragma once

#include <memory>
#include <optional>

#include "chapters/08_ldm_pipeline/scheduler_settings.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

using pipeline::SchedulerSettings;

/// The sampler that a diffusers folder names in its scheduler_config.json, with its own stops,
/// start and end. `eta`: DDIM's and TCD's (gamma); an Error for the others, which have none.
/// Throws for what the class cannot do: more steps than it has, a grid that does not fit.
std::unique_ptr<SigmaSampler> make_scheduler(const SchedulerSettings& settings, int steps,
                                             std::optional<double> eta = {});

}  // namespace ldm::samplers
