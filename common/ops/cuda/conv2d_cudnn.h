#pragma once

#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"

/// Convolutions through cuDNN, in a program that was built with it (build::has_cudnn).
namespace ldm::ops::cuda {

/// The functions of cuda/conv2d.h. An empty tensor says that cuDNN has no way to do it: cuDNN pads
/// the two sides of a picture alike, wants at least one number in each tensor and less than 2^31,
/// and not every GPU has every type; in 16 bits it is asked for tensor cores.
///
/// float32 is multiplied as it is, unless the context says bf16: then factors are rounded to TF32
/// (10 bits of mantissa). 16-bit numbers are added up in float32. The same numbers always give the
/// same result, down to the last bit.
///
/// The first call for a shape asks cuDNN for advice and may have it load kernels; later ones only
/// put work on the stream.
Tensor cudnn_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                    Conv2dOptions options, const ComputeContext& context);
Tensor cudnn_conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                                   Conv2dOptions options, const ComputeContext& context);
Tensor cudnn_conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                                    Conv2dOptions options, const ComputeContext& context);

}  // namespace ldm::ops::cuda
