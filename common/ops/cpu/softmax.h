#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// One row of a softmax in place.
void softmax_row(float* row, std::int64_t length);

Tensor softmax(const Tensor& x);
Tensor softmax_backward(const Tensor& y, const Tensor& dy);
Tensor log_softmax(const Tensor& x);
Tensor log_softmax_backward(const Tensor& y, const Tensor& dy);

}  // namespace ldm::ops::cpu
