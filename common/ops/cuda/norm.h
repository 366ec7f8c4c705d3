#pragma once

#include "common/ops/cpu/norm.h"

namespace ldm::ops::cuda {

using cpu::NormGradients, cpu::Normalized, cpu::NormLayout, cpu::Activation;

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& weight, const Tensor& bias,
                     float eps, Activation activation);
NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& weight);
Tensor silu_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                     NormLayout layout, const Tensor& weight, const Tensor& bias);

}  // namespace ldm::ops::cuda
