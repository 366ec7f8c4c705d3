#pragma once

#include "common/tensor/tensor.h"

#include <vector>

namespace ldm::ops::cpu {

/// Copies `count` blocks of `length` numbers; block i starts at i * step.
void copy_blocks(const float* from, std::int64_t from_step, float* to, std::int64_t to_step,
                 std::int64_t length, std::int64_t count);

Tensor permute(const Tensor& x, const std::vector<int>& order);

}  // namespace ldm::ops::cpu
