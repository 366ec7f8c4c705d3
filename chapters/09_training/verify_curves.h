#pragma once

#include "common/verify/component.h"

namespace ldm::train {

/// Adds whole trainings to what `ldm verify` knows: TrainAutoencoder, TrainClip and TrainDiffusion
/// follow a PyTorch twin from step to step.
void register_curves(verify::Registry& registry);

}  // namespace ldm::train
