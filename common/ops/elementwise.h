#pragma once

#include "common/tensor/tensor.h"

/// Functions of single numbers, element by element.

namespace ldm::ops {

/// Two tensors, element by element. Shapes broadcast as in NumPy: aligned at the last axis, an
/// extent of 1 (or a missing axis) is repeated.
[[nodiscard]] Tensor add(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor sub(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor mul(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor div(const Tensor& a, const Tensor& b);

[[nodiscard]] Tensor scale(const Tensor& x, float factor);
// not scale(x, 1 / divisor): that rounds twice
[[nodiscard]] Tensor divide(const Tensor& x, float divisor);
[[nodiscard]] Tensor shift(const Tensor& x, float term);

// x sigmoid(x); "swish" in the VAE's source
[[nodiscard]] Tensor silu(const Tensor& x);
// x Phi(x) with the exact erf, not its tanh approximation
[[nodiscard]] Tensor gelu(const Tensor& x);
// x sigmoid(1.702 x), OpenAI's CLIP
[[nodiscard]] Tensor quick_gelu(const Tensor& x);
[[nodiscard]] Tensor sigmoid(const Tensor& x);
[[nodiscard]] Tensor tanh(const Tensor& x);
[[nodiscard]] Tensor relu(const Tensor& x);
// log(1 + exp(x)), a relu with a round corner
[[nodiscard]] Tensor softplus(const Tensor& x);
[[nodiscard]] Tensor exp(const Tensor& x);
[[nodiscard]] Tensor log(const Tensor& x);
[[nodiscard]] Tensor sqrt(const Tensor& x);
[[nodiscard]] Tensor square(const Tensor& x);
[[nodiscard]] Tensor abs(const Tensor& x);
[[nodiscard]] Tensor sin(const Tensor& x);
[[nodiscard]] Tensor cos(const Tensor& x);

/// x where it is positive, slope * x elsewhere.
[[nodiscard]] Tensor leaky_relu(const Tensor& x, float slope);

/// Every number moved into [low, high]; the gradient outside is 0.
[[nodiscard]] Tensor clamp(const Tensor& x, float low, float high);

}  // namespace ldm::ops

namespace ldm {

// With these, an equation in a lesson and the line that computes it look alike.
[[nodiscard]] inline Tensor operator+(const Tensor& a, const Tensor& b) { return ops::add(a, b); }
[[nodiscard]] inline Tensor operator-(const Tensor& a, const Tensor& b) { return ops::sub(a, b); }
[[nodiscard]] inline Tensor operator*(const Tensor& a, const Tensor& b) { return ops::mul(a, b); }
[[nodiscard]] inline Tensor operator/(const Tensor& a, const Tensor& b) { return ops::div(a, b); }
[[nodiscard]] inline Tensor operator*(const Tensor& x, float factor) {
    return ops::scale(x, factor);
}
[[nodiscard]] inline Tensor operator*(float factor, const Tensor& x) {
    return ops::scale(x, factor);
}
[[nodiscard]] inline Tensor operator/(const Tensor& x, float divisor) {
    return ops::divide(x, divisor);
}
[[nodiscard]] inline Tensor operator+(const Tensor& x, float term) { return ops::shift(x, term); }
[[nodiscard]] inline Tensor operator-(const Tensor& x, float term) { return ops::shift(x, -term); }
[[nodiscard]] inline Tensor operator-(const Tensor& x) { return ops::scale(x, -1.0f); }

}  // namespace ldm
