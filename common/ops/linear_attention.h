#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Attention whose cost grows with the number P of pixels, not with its square (Shen et al., 2018):
///
///     linear_attention(q, k, v) = (softmax(k) v^T)^T q
///
/// The keys agree on one d x e summary of the picture, softmax running over the pixels, and every
/// query reads from it. q [B, heads, d, P], k [B, heads, d, P], v [B, heads, e, P] ->
/// [B, heads, e, P]; neither q nor the scores are scaled (LinearAttention in ldm's attention.py).
[[nodiscard]] Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace ldm::ops
