#pragma once

#include <vector>

#include "common/ops/cpu/shape.h"
#include "common/tensor/tensor.h"

namespace ldm::ops::cuda {

void copy_blocks(const Tensor& from, Blocks in_from, Tensor& to, Blocks in_to, std::int64_t length,
                 std::int64_t count);

void copy(const Tensor& from, Tensor& to);
Tensor permute(const Tensor& x, const std::vector<int>& order);
Tensor zeros_like(const Tensor& x, Shape shape);

/// float32 from int32
Tensor to_float(const Tensor& ints);

/// The same numbers in another floating-point type, rounded to the nearest.
Tensor to_type(const Tensor& x, DType dtype);

}  // namespace ldm::ops::cuda
