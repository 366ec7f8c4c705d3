#pragma once

#include "common/tensor/tensor.h"

/// The functions of cpu/resample.h on a GPU.
namespace ldm::ops::cuda {

Tensor upsample_nearest(const Tensor& x, int factor, float value, const Shape& shape);
Tensor gather_blocks(const Tensor& x, int size, float value);
Tensor max_pool2d(const Tensor& x, int size);
Tensor max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, int size);

}  // namespace ldm::ops::cuda
