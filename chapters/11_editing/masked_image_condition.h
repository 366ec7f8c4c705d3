#pragma once

#include "chapters/09_training/trainers/training_condition.h"

namespace ldm::editing {

/// "masked_image" for `ldm train diffusion`: each picture with a hole drawn by lot (random_mask)
/// and the hole itself, as further channels (masked_channels). With the conditioning key "concat"
/// in latent diffusion's order, with "hybrid", beside a text, in Stable Diffusion's.
[[nodiscard]] train::ConditionKinds masked_image_condition();

}  // namespace ldm::editing
