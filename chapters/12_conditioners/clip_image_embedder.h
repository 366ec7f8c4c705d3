#pragma once

#include "chapters/03_clip/clip_model.h"

namespace ldm::conditioners {

/// Pictures as CLIP's image tower wants them (encoders/modules.py: FrozenClipImageEmbedder's
/// preprocess): x [N, 3, H, W] in [-1, 1] -> [N, 3, size, size], bicubic with the corners on the
/// corners and without antialiasing, then minus the mean over the standard deviation of CLIP's
/// training pictures. (CLIP's own way crops and antialiases: chapter 03's feature_extractor.h.)
[[nodiscard]] Tensor preprocess_for_clip(const Tensor& x, int size = 224);

}  // namespace ldm::conditioners
