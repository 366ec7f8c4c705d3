#pragma once

#include <vector>

#include "common/tensor/tensor.h"

/// Functions that make few numbers out of many. Sums are taken in double precision.

namespace ldm::ops {

/// Everything: [].
[[nodiscard]] Tensor sum(const Tensor& x);
[[nodiscard]] Tensor mean(const Tensor& x);

/// Along the given axes, which disappear from the shape, or stay with extent 1.
enum class Axes { drop, keep };
[[nodiscard]] Tensor sum(const Tensor& x, const std::vector<int>& axes,
                         Axes axes_stay = Axes::drop);
[[nodiscard]] Tensor mean(const Tensor& x, const std::vector<int>& axes,
                          Axes axes_stay = Axes::drop);

/// One number per batch entry, the mean of all the rest: [N, ...] -> [N].
[[nodiscard]] Tensor mean_per_sample(const Tensor& x);
[[nodiscard]] Tensor sum_per_sample(const Tensor& x);

/// x divided by its Euclidean length along the last axis.
[[nodiscard]] Tensor normalize(const Tensor& x);

}  // namespace ldm::ops
