#pragma once

#include "chapters/09_training/trainers/training_condition.h"

namespace ldm::conditioners {

/// "segmentation" for `ldm train diffusion`: the semantic map of each picture, made as small as the
/// latents by SpatialRescaler, which is trained with the UNet, as further channels beside them
/// (semantic synthesis; Rombach et al., 2022, section 4.3.2). metadata.jsonl names the map of a
/// picture as "segmentation"; it comes by the way of its picture, resized by the nearest pixel.
/// "params" are SpatialRescaler's.
[[nodiscard]] train::ConditionKinds segmentation_condition();

}  // namespace ldm::conditioners
