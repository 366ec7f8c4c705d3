#pragma once

#include "common/verify/component.h"

namespace ldm::samplers {

/// KSampler, Scheduler, PLMSSampler and DPMSolverSampler.
void register_components(verify::Registry& registry);

}  // namespace ldm::samplers
