#pragma once

#include <limits>

#include "common/ops/compute_context.h"
#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// In place of the score of a masked key.
inline constexpr float masked_score = std::numeric_limits<float>::lowest();

struct AttentionRule {
    // factor of the scores
    float scale;
    bool causal;
    // [N, M] int32 or empty
    Tensor key_padding_mask;

    /// The row of `key_padding_mask` that a head of q [N, heads, S, d] and k [N, heads, M, d]
    /// has, or null.
    const std::int32_t* key_padding_mask_of(const Tensor& q, const Tensor& k,
                                            std::int64_t head) const {
        return key_padding_mask ? key_padding_mask.ints() + head / q.dim(1) * k.dim(2) : nullptr;
    }

    /// Whether a key is masked for a query, given its head's row of `key_padding_mask`.
    bool masks(const std::int32_t* mask_row, std::int64_t query, std::int64_t key) const {
        return (causal && key > query) || (mask_row && !mask_row[key]);
    }
};

struct AttentionGradients {
    Tensor q, k, v;
};

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule,
                 const ComputeContext& context);
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule,
                         const ComputeContext& context);
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule,
                                      const ComputeContext& context);

}  // namespace ldm::ops::cpu
