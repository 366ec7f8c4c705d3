#pragma once

#include "chapters/09_training/trainers/training_condition.h"

namespace ldm::super_resolution {

/// "LR_image" for `ldm train diffusion`: the picture itself in low resolution, as further channels
/// [N, 3, h, w] in [-1, 1] beside latents of the same size (Rombach et al., 2022, section 4.4). Its
/// "params" are ImageNetSR's: "degradation" (low_resolution.h; bsrgan_light), drawn anew for every
/// picture of every batch. The picture is as much smaller as the latents are.
[[nodiscard]] train::ConditionKinds low_resolution_condition();

}  // namespace ldm::super_resolution
