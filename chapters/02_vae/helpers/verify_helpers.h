#pragma once

#include "common/verify/component.h"

namespace ldm::vae {

/// Adds the helpers of diffusionmodules/model.py to what `ldm verify` knows.
void register_helpers(verify::Registry& registry);

}  // namespace ldm::vae
