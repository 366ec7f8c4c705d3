#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cuda {

Tensor softmax(const Tensor& x);
Tensor softmax_backward(const Tensor& y, const Tensor& dy);
Tensor log_softmax(const Tensor& x);
Tensor log_softmax_backward(const Tensor& y, const Tensor& dy);

}  // namespace ldm::ops::cuda
