#pragma once

#include "common/verify/component.h"

namespace ldm::conditioners {

/// Adds this chapter's components to what `ldm verify` knows.
void register_components(verify::Registry& registry);

}  // namespace ldm::conditioners
