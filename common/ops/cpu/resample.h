#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// Repeats every pixel times `value`: the picture has factor * H rows, or `shape`'s if that is
/// larger (then the rest is zero).
Tensor upsample_nearest(const Tensor& x, int factor, float value, const Shape& shape);

/// Adds up blocks of size x size pixels and multiplies by `value`.
Tensor gather_blocks(const Tensor& x, int size, float value);

/// The largest of each block of size x size pixels; NaN if one of them is.
Tensor max_pool2d(const Tensor& x, int size);

/// Puts dy where y = max_pool2d(x) came from, 0 elsewhere.
Tensor max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, int size);

}  // namespace ldm::ops::cpu
