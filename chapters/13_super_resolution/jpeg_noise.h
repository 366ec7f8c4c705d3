#pragma once

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// The picture x [1, 3, H, W] in [0, 1], written as a JPEG of this quality (1 to 100) and read
/// again: what nearly every picture on the net has behind it.
[[nodiscard]] Tensor add_jpeg_noise(const Tensor& x, int quality);

}  // namespace ldm::super_resolution
