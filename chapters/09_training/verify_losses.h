#pragma once

#include "common/verify/component.h"

namespace ldm::train {

/// Adds the losses, their networks and the quantized autoencoder to what `ldm verify` knows.
void register_losses(verify::Registry& registry);

}  // namespace ldm::train
