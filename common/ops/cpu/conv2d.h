#pragma once

#include "common/ops/conv2d.h"

namespace ldm::ops::cpu {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options);
Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                             Conv2dOptions options);
Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                              Conv2dOptions options);

/// dy [N, O, H, W] added up over everything but O: the gradient of a bias.
Tensor sum_channels(const Tensor& dy);

}  // namespace ldm::ops::cpu
