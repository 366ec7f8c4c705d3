#pragma once

#include "common/verify/component.h"

namespace ldm::train {

/// Adds what moves weights to what `ldm verify` knows: Adam, AdamW, Muon, ClipGradNorm, LoRA, and
/// TrainLatentDiffusion, which puts all of training together.
void register_training(verify::Registry& registry);

}  // namespace ldm::train
