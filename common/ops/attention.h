#pragma once

#include <optional>

#include "common/tensor/tensor.h"

namespace ldm::ops {

struct AttentionOptions {
    // of the scores; 1 / sqrt(d) unless told
    std::optional<float> scale;
    // a token looks at itself and those before it only
    bool causal = false;
    // [B, M] int32, 0 = nobody of this batch entry may look at that key
    Tensor key_padding_mask;
};

/// Every query looks at every key and takes home a mixture of the values (Vaswani et al., 2017):
///
///     attention(q, k, v) = softmax(q k^T / sqrt(d)) v
///
/// q [B, heads, N, d], k [B, heads, M, d], v [B, heads, M, e] -> [B, heads, N, e].
/// A query all of whose keys are masked looks at all of them equally, as in the original.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

/// The mixture itself, softmax(q k^T / sqrt(d)): [B, heads, N, M]. To look at; it has no gradient.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options = {});

}  // namespace ldm::ops
