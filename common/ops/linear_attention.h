#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Attention whose cost grows with the number S of pixels, not with its square (Shen et al., 2018):
///
///     linear_attention(q, k, v) = (softmax(k) v^T)^T q
///
/// The keys and values make one d x e summary of the picture, with softmax over the pixels, and
/// every query reads from it. q [N, heads, d, S], k [N, heads, d, S], v [N, heads, e, S] -> [N,
/// heads, e, S]; neither q nor the scores are scaled (LinearAttention in ldm's attention.py).
[[nodiscard]] Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace ldm::ops
