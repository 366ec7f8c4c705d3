#pragma once

#include "common/image/image.h"
#include "common/tensor/tensor.h"

namespace ldm::conditioners {

/// A semantic map as channels [1, channels, H, W], before SpatialRescaler makes it as small as the
/// latents. With 3 channels its colours in [-1, 1]. With another number a pixel's label is its
/// value (a grey picture, or the red of a coloured one), and channel c is 1 where the label is c
/// and else 0, as upstream's data sets have it. Throws an Error for a label that is not below
/// `channels`.
[[nodiscard]] Tensor segmentation_channels(const image::Image& map, int channels);

}  // namespace ldm::conditioners
