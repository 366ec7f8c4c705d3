#pragma once

#include "common/image/border.h"
#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// Convolution of every plane of x [N, C, H, W] with one kernel [h, w], of the same size:
/// y[i] = sum_j k[j] x[i + n/2 - j]. The kernel is flipped, as by scipy.ndimage.convolve; only one
/// that is not symmetric tells the difference. A layer called "convolution" does not flip it.
[[nodiscard]] Tensor convolve(const Tensor& x, const Tensor& kernel, image::Border border);

/// Correlation, what such a layer computes: y[i] = sum_j k[j] x[i + j - (n-1)/2].
[[nodiscard]] Tensor correlate(const Tensor& x, const Tensor& kernel, image::Border border);

}  // namespace ldm::super_resolution
