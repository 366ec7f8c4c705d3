#pragma once

#include "common/tensor/tensor.h"

/// Functions that look at one number at a time.

namespace ldm::ops {

/// Two tensors, element by element. Shapes broadcast as in NumPy: aligned at the last axis, an
/// extent of 1 (or a missing axis) is repeated.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);

Tensor scale(const Tensor& x, float factor);
Tensor shift(const Tensor& x, float term);

// x sigmoid(x); "swish" in the VAE's source
Tensor silu(const Tensor& x);
// x Phi(x) with the exact erf, not its tanh approximation
Tensor gelu(const Tensor& x);
// x sigmoid(1.702 x), OpenAI's CLIP
Tensor quick_gelu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor relu(const Tensor& x);
// log(1 + exp(x)), a relu with a round corner
Tensor softplus(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);

/// x where it is positive, slope * x elsewhere.
Tensor leaky_relu(const Tensor& x, float slope);

/// Every number moved into [low, high]; no gradient flows outside.
Tensor clamp(const Tensor& x, float low, float high);

}  // namespace ldm::ops

namespace ldm {

// With these, an equation in a lesson and the line that computes it look alike.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return ops::add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return ops::sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return ops::mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return ops::div(a, b); }
inline Tensor operator*(const Tensor& x, float factor) { return ops::scale(x, factor); }
inline Tensor operator*(float factor, const Tensor& x) { return ops::scale(x, factor); }
inline Tensor operator/(const Tensor& x, float divisor) { return ops::scale(x, 1.0f / divisor); }
inline Tensor operator+(const Tensor& x, float term) { return ops::shift(x, term); }
inline Tensor operator-(const Tensor& x, float term) { return ops::shift(x, -term); }
inline Tensor operator-(const Tensor& x) { return ops::scale(x, -1.0f); }

}  // namespace ldm
