#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

enum class Binary { add, sub, mul, div };
enum class Unary { silu, gelu, quick_gelu, sigmoid, tanh, relu, softplus, exp, log, sqrt, square, abs };

/// The shape of a broadcast result, or an Error that names both shapes.
Shape broadcast_shape(const Shape& a, const Shape& b);

Tensor binary(Binary op, const Tensor& a, const Tensor& b);
Tensor unary(Unary op, const Tensor& x);

/// Whether the gradient is computed from the result, and not from what the function was applied to.
constexpr bool looks_at_result(Unary op) {
    return op == Unary::sigmoid || op == Unary::tanh || op == Unary::relu || op == Unary::exp || op == Unary::sqrt;
}

/// dy times the derivative of `op`; `seen` is its result or its argument, as looks_at_result says.
Tensor unary_backward(Unary op, const Tensor& seen, const Tensor& dy);

/// x * factor + term
Tensor affine(const Tensor& x, float factor, float term);

Tensor leaky_relu(const Tensor& x, float slope);
Tensor leaky_relu_backward(const Tensor& x, const Tensor& dy, float slope);

Tensor clamp(const Tensor& x, float low, float high);
Tensor clamp_backward(const Tensor& x, const Tensor& dy, float low, float high);

/// Adds up what broadcasting repeated: the gradient of a tensor of `shape` from that of the result.
Tensor sum_to(const Tensor& x, const Shape& shape);

/// Repeats x along axes of extent 1 until it has `shape`.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

}  // namespace ldm::ops::cpu
