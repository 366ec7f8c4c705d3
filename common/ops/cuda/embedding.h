#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cuda {

/// Rows of a table; NaN for an id that is not in it.
Tensor embedding(const Tensor& ids, const Tensor& table);

/// The gradient of a table of that shape: the sum of dy over all places that showed a row.
Tensor embedding_backward(const Tensor& ids, const Tensor& dy, const Shape& table_shape);

}  // namespace ldm::ops::cuda
