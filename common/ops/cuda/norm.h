#pragma once

#include "common/ops/cpu/norm.h"

namespace ldm::ops::cuda {

using cpu::NormGradients, cpu::Normalized, cpu::NormLayout, cpu::Then;

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& scale, const Tensor& offset,
                     float eps, Then then);
NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& scale);
Tensor silu_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                     NormLayout layout, const Tensor& scale, const Tensor& offset);

}  // namespace ldm::ops::cuda
