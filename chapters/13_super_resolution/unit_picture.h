#pragma once

#include "common/image/image.h"
#include "common/tensor/tensor.h"

/// Pictures in this chapter are [1, 3, H, W] in [0, 1], red first: image::to_unit_tensor makes one
/// from bytes. (The networks of the other chapters work in [-1, 1].)

namespace ldm::super_resolution {

/// The nearest byte of each number, which is clamped to [0, 1] first; a number in the middle
/// between two bytes becomes the even one, as NumPy rounds (upstream: single2uint).
[[nodiscard]] image::Image to_bytes(const Tensor& x);

/// The width and height of a picture x [1, 3, H, W]; an Error for any other shape and for one
/// without pixels.
image::Extent extent_of(const Tensor& x);

/// The upper left part of a picture whose sides `scale` divides (upstream: modcrop_np). Throws an
/// Error when nothing is left.
[[nodiscard]] Tensor crop_to_multiple(const Tensor& x, int scale);

}  // namespace ldm::super_resolution
