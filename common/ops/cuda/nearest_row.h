#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cuda {

Tensor nearest_row(const Tensor& x, const Tensor& table);

}  // namespace ldm::ops::cuda
