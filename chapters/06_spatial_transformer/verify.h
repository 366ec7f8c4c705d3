#pragma once

#include "common/verify/component.h"

namespace ldm::spatial_transformer {

/// Adds this chapter's components to what `ldm verify` knows.
void register_components(verify::Registry& registry);

}  // namespace ldm::spatial_transformer
