#pragma once

#include "common/verify/component.h"

namespace ldm::train {

/// Adds LoraMerge to what `ldm verify` knows: weights with changes of every family of LoRA files
/// merged in. The component "LoRA", of training, is one of register_training.
void register_lora(verify::Registry& registry);

}  // namespace ldm::train
