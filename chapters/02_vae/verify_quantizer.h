#pragma once

#include "common/verify/component.h"

namespace ldm::vae {

/// Adds the vector-quantized autoencoders and their codebooks to what `ldm verify` knows.
void register_quantizers(verify::Registry& registry);

}  // namespace ldm::vae
