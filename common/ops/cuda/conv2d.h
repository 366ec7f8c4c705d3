#pragma once

#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"

/// The functions of cpu/conv2d.h on a GPU: through cuDNN (cuda/conv2d_cudnn.h) where this program
/// has it and it can, otherwise ours.
namespace ldm::ops::cuda {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options,
              const ComputeContext& context);
Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                             Conv2dOptions options, const ComputeContext& context);
Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                              Conv2dOptions options, const ComputeContext& context);
Tensor sum_channels(const Tensor& dy);

/// This project's own way, with cuDNN or without: products of matrices that are never written down
/// (common/ops/cuda/implicit_gemm.cuh).
Tensor implicit_gemm_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            Conv2dOptions options, const ComputeContext& context);
Tensor implicit_gemm_conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                           const Shape& x_shape, Conv2dOptions options,
                                           const ComputeContext& context);
Tensor implicit_gemm_conv2d_backward_weight(const Tensor& dy, const Tensor& x,
                                            const Shape& weight_shape, Conv2dOptions options,
                                            const ComputeContext& context);

}  // namespace ldm::ops::cuda
