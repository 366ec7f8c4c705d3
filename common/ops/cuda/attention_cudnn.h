#pragma once

#include "common/ops/cuda/attention.h"

/// Attention through cuDNN, in a program that was built with it (build::has_cudnn).
namespace ldm::ops::cuda {

/// The attention of cuda/attention.h. An empty tensor says that cuDNN has no way to do it: it wants
/// 16-bit numbers, heads whose widths are multiples of 8, at least one number in each tensor,
/// tensor cores of compute capability 8.0 or more, and cuDNN 9.13; and it is given no key padding
/// mask.
///
/// The weights of the values are rounded to 16 bits, all sums are float32; the same numbers always
/// give the same result.
///
/// The first call for a shape has cuDNN compile a kernel, which takes a moment; later ones only put
/// work on the stream.
Tensor cudnn_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule,
                       const ComputeContext& context);

}  // namespace ldm::ops::cuda
