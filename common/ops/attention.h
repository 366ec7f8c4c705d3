#pragma once

#include <optional>

#include "common/tensor/tensor.h"

namespace ldm::ops {

struct AttentionOptions {
    /// factor of the scores q k^T; 1 / sqrt(d) by default
    std::optional<float> scale;
    /// causal mask: a token attends to itself and those before it only
    bool causal = false;
    /// [N, M] int32, 0 = this key is masked for all queries of that batch entry; empty: none is
    Tensor key_padding_mask;
};

/// Every query attends to every key: its result is a weighted sum of the values (Vaswani et al.,
/// 2017):
///
///     attention(q, k, v) = softmax(q k^T / sqrt(d)) v
///
/// q [N, heads, S, d], k [N, heads, M, d], v [N, heads, M, e] -> [N, heads, S, e].
/// A query all of whose keys are masked attends to all of them equally, as in the original.
[[nodiscard]] Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                                  const AttentionOptions& options = {});

/// The attention weights themselves, softmax(q k^T / sqrt(d)): [N, heads, S, M]. To be shown; they
/// have no gradient.
[[nodiscard]] Tensor attention_weights(const Tensor& q, const Tensor& k,
                                       const AttentionOptions& options = {});

}  // namespace ldm::ops
