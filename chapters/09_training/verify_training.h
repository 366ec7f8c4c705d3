#pragma once

#include "common/verify/component.h"

namespace ldm::train {

/// Adds the optimizers to what `ldm verify` knows: Adam, AdamW, Muon, ClipGradNorm, LoRA, and
/// TrainLatentDiffusion, which is a whole diffusion training.
void register_training(verify::Registry& registry);

}  // namespace ldm::train
