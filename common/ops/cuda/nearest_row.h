#pragma once

#include "common/ops/compute_context.h"
#include "common/tensor/tensor.h"

namespace ldm::ops::cuda {

Tensor nearest_row(const Tensor& x, const Tensor& table, const ComputeContext& context);

}  // namespace ldm::ops::cuda
