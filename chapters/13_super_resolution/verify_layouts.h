#pragma once

#include "common/image/image.h"
#include "common/tensor/tensor.h"

/// Cases have pictures as [H, W, 3], floats in [0, 1] or bytes in int32.

namespace ldm::super_resolution {

[[nodiscard]] Tensor channels_first(const Tensor& hwc);      // [H, W, C] -> [1, C, H, W]
[[nodiscard]] Tensor channels_last(const Tensor& nchw);      // [1, C, H, W] -> [H, W, C]
[[nodiscard]] Tensor bytes_of(const image::Image& picture);  // [H, W, 3]

}  // namespace ldm::super_resolution
