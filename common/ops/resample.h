#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Every pixel becomes factor x factor pixels: [N, C, H, W] -> [N, C, factor H, factor W].
[[nodiscard]] Tensor upsample_nearest(const Tensor& x, int factor);

/// The mean of size x size pixels; a remainder at the right and at the bottom is dropped:
/// [N, C, H, W] -> [N, C, H / size, W / size].
[[nodiscard]] Tensor avg_pool2d(const Tensor& x, int size);

/// The largest of size x size pixels, whose gradient goes to the first that is as large; a
/// remainder is dropped as above.
[[nodiscard]] Tensor max_pool2d(const Tensor& x, int size);

}  // namespace ldm::ops
