#pragma once

#include <vector>

#include "common/tensor/tensor.h"

/// Functions that move numbers and change none. (reshape is a member of Tensor: it moves nothing.)

namespace ldm::ops {

/// Puts tensors one after the other along an axis (negative counts from the back).
[[nodiscard]] Tensor concat(const std::vector<Tensor>& parts, int axis);

/// The part [begin, end) of an axis.
[[nodiscard]] Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end);

/// `count` equal parts of an axis.
[[nodiscard]] std::vector<Tensor> chunk(const Tensor& x, int count, int axis);

/// Reorders the axes: axis i of the result is axis order[i] of x.
[[nodiscard]] Tensor permute(const Tensor& x, const std::vector<int>& order);

/// x repeated along axes of extent 1 (or missing in front) until it has `shape`.
[[nodiscard]] Tensor broadcast_to(const Tensor& x, const Shape& shape);

/// Zeros of x's shape and type, where x is.
[[nodiscard]] Tensor zeros_like(const Tensor& x);

/// A copy of x that is not connected to it: gradients stop here.
[[nodiscard]] Tensor detach(const Tensor& x);

/// The numbers themselves, float32 from int32.
[[nodiscard]] Tensor to_float(const Tensor& ints);

}  // namespace ldm::ops
