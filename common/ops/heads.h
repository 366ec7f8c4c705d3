#pragma once

#include "common/tensor/tensor.h"

/// Attention works in several heads side by side, each on its own slice of every vector.

namespace ldm::ops {

/// Cuts every vector into `heads` equal slices: [N, S, heads * d] -> [N, heads, S, d].
[[nodiscard]] Tensor split_heads(const Tensor& x, std::int64_t heads);

/// Puts the slices together again: [N, heads, S, d] -> [N, S, heads * d].
[[nodiscard]] Tensor merge_heads(const Tensor& x);

}  // namespace ldm::ops
