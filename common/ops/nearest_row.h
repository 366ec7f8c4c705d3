#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// For every row of x [P, D] the row of table [R, D] that is nearest to it, [P] int32:
///
///     argmin over r of |x - table[r]|^2,   computed as |x|^2 + |table[r]|^2 - 2 x . table[r]
///
/// The first of several that are equally near. A choice has no gradient.
[[nodiscard]] Tensor nearest_row(const Tensor& x, const Tensor& table);

}  // namespace ldm::ops
