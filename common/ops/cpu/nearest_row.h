#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

Tensor nearest_row(const Tensor& x, const Tensor& table);

}  // namespace ldm::ops::cpu
