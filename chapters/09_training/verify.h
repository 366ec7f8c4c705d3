#pragma once

#include "common/verify/component.h"

namespace ldm::train {

/// Adds this chapter's components to what `ldm verify` knows: losses, optimizers, and whole
/// trainings step by step.
void register_components(verify::Registry& registry);

}  // namespace ldm::train
