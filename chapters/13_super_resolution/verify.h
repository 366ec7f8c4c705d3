#pragma once

#include "common/verify/component.h"

namespace ldm::super_resolution {

/// Degradation, Metrics, JPEGNoise and LSUNPreprocess.
void register_components(verify::Registry& registry);

/// The deterministic operations of degradations, in the order of the case's list (Degradation).
void verify_degradation(verify::Run& run);

}  // namespace ldm::super_resolution
