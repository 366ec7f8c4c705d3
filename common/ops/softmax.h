#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// exp(x) / sum(exp(x)) along the last axis, computed from x minus its maximum.
[[nodiscard]] Tensor softmax(const Tensor& x);

/// log(softmax(x)) along the last axis.
[[nodiscard]] Tensor log_softmax(const Tensor& x);

/// Mean of -log_softmax(logits)[i, labels[i]]: logits [N, classes], labels [N] int32 -> [].
[[nodiscard]] Tensor cross_entropy(const Tensor& logits, const Tensor& labels);

}  // namespace ldm::ops
