#pragma once

#include <vector>

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Blocks of neighbouring numbers in a tensor: block i starts at begin + i * step.
struct Blocks {
    std::int64_t begin, step;
};

}  // namespace ldm::ops

namespace ldm::ops::cpu {

/// Copies `count` blocks of `length` numbers from one tensor into another.
void copy_blocks(const Tensor& from, Blocks in_from, Tensor& to, Blocks in_to, std::int64_t length,
                 std::int64_t count);

/// Writes the numbers of one tensor over those of another of its size and type.
void copy(const Tensor& from, Tensor& to);

Tensor permute(const Tensor& x, const std::vector<int>& order);

/// Zeros of x's type in another shape.
Tensor zeros_like(const Tensor& x, Shape shape);

Tensor to_float(const Tensor& ints);

/// f16 and bf16 exist on a GPU only: an Error for anything but x's own type.
Tensor to_type(const Tensor& x, DType dtype);

}  // namespace ldm::ops::cpu
