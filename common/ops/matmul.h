#pragma once

#include "common/ops/frozen_weight.h"
#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Which of the two matrices is used as its transpose.
enum class Transpose { none, a, b };

/// The products of two stacks of matrices: a [..., m, k] times b [..., k, n] is [..., m, n].
/// The leading axes must agree.
[[nodiscard]] Tensor matmul(const Tensor& a, const Tensor& b,
                            Transpose transpose = Transpose::none);

/// y = x W^T + b over the last axis: x [..., in], weight [out, in], bias [out] or empty.
[[nodiscard]] Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
[[nodiscard]] Tensor linear(const Tensor& x, const FrozenWeight& weight, const Tensor& bias = {});

}  // namespace ldm::ops
