#pragma once

#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"

namespace ldm::ops::cpu {

class PackedWeight;

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options,
              const ComputeContext& context);

/// The same with a weight that is not written to any more.
Tensor conv2d_frozen(const Tensor& x, const PackedWeight& weight, const Tensor& bias,
                     Conv2dOptions options, const ComputeContext& context);

Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                             Conv2dOptions options, const ComputeContext& context);
Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                              Conv2dOptions options, const ComputeContext& context);

/// dy [N, O, H, W] added up over everything but O: the gradient of a bias.
Tensor sum_channels(const Tensor& dy);

}  // namespace ldm::ops::cpu
