#pragma once

#include "common/ops/elementwise_functions.h"
#include "common/tensor/tensor.h"

/// The functions of cpu/elementwise.h on a GPU, for all its number types.
namespace ldm::ops::cuda {

Tensor binary(Binary op, const Tensor& a, const Tensor& b);
Tensor unary(Unary op, const Tensor& x);

/// dy times the derivative of `op`; `seen` is its result or its argument, as
/// differentiates_from_result says.
Tensor unary_backward(Unary op, const Tensor& seen, const Tensor& dy);

/// x * factor + term
Tensor affine(const Tensor& x, float factor, float term);

/// x / divisor
Tensor divide(const Tensor& x, float divisor);

Tensor leaky_relu(const Tensor& x, float slope);
Tensor leaky_relu_backward(const Tensor& x, const Tensor& dy, float slope);

Tensor clamp(const Tensor& x, float low, float high);
Tensor clamp_backward(const Tensor& x, const Tensor& dy, float low, float high);

/// Adds up what broadcasting repeated: the gradient of a tensor of `shape` from that of the result.
Tensor sum_to(const Tensor& x, const Shape& shape);

/// Repeats x along axes of extent 1 until it has `shape`.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

}  // namespace ldm::ops::cuda
