#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// Repeats every pixel times `value`: the picture has factor * H rows, or `shape`'s if that is
/// larger (then the rest is zero).
Tensor spread_pixels(const Tensor& x, int factor, float value, const Shape& shape);

/// Adds up blocks of size x size pixels and multiplies by `value`.
Tensor gather_blocks(const Tensor& x, int size, float value);

}  // namespace ldm::ops::cpu
