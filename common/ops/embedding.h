#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Rows of a table by their indices: ids [...] int32, table [rows, D] -> [..., D].
/// An id outside the table is an Error; where the ids are on a GPU, which cannot throw, its row is
/// NaN. Ids may be on the CPU wherever the table is.
[[nodiscard]] Tensor embedding(const Tensor& ids, const Tensor& table);

}  // namespace ldm::ops
