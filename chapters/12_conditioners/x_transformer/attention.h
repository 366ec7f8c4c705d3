#pragma once

#include <optional>
#include <string>

#include "chapters/12_conditioners/x_transformer/config.h"
#include "common/nn/layers.h"

namespace ldm::conditioners {

/// Attention with the options of x_transformer.py (Attention). With q, k and v as in chapter 04
/// (heads of width dim_head, no bias) it computes, of a batch entry,
///
///     scores = q k^T / sqrt(dim_head)
///     scores = scores + those of the layer before        residual_attn ("RealFormer", He et al.,
///                                                         2020)
///     scores = mixed over heads by a matrix               talking_heads (Shazeer et al., 2020)
///     scores of masked keys, of those after the query     mask, causal
///     and of those not among the sparse_topk largest      (Zhao et al., 2019)
///         = -FLT_MAX
///     weights = softmax(scores)
///     weights = mixed over heads by another matrix        talking_heads
///     y = merge(weights v) W_o + b_o
///     y = a * sigmoid(b), [a, b] = y                      on_attn ("Attention on attention", Huang
///                                                         et al., 2019)
///
/// Keys and values may begin with learned ones (num_mem_kv; Sukhbaatar et al., 2019), which no mask
/// hides. Keys to_q, to_k, to_v, to_out (to_out.0 with on_attn), mem_k and mem_v [heads, m,
/// dim_head], pre_softmax_proj and post_softmax_proj [heads, heads].
class Attention {
public:
    Attention(const nn::Params& weights, const AttentionLayersConfig& config, bool causal);

    struct Input {
        /// [N, S, dim]
        Tensor x;
        /// what keys and values are made of, [N, M, dim]; empty: x
        Tensor context = {};
        /// 0: masked; int32 [N, S] and, of the context, [N, M]; empty: nothing is
        Tensor mask = {}, context_mask = {};
        /// is added to what queries and keys are made of, [S, dim]; empty: nothing
        Tensor positions = {};
        /// of the layer before, [N, heads, S, M + m]; empty: none
        Tensor scores_before = {};
    };
    struct Output {
        /// [N, S, dim]
        Tensor y;
        /// behind the masks, but with talking_heads before heads talk; [N, heads, S, M + m], only
        /// if `wants_scores`
        Tensor scores;
    };
    /// Without masks and what else needs the scores themselves, they are never written to memory
    /// (scaled_dot_product_attention).
    [[nodiscard]] Output operator()(const Input& input, bool wants_scores) const;

private:
    bool is_plain(const Input& input, bool wants_scores) const;
    Tensor mixed(const Tensor& scores, const Tensor& matrix) const;
    Tensor kept(const Input& input, std::int64_t queries, std::int64_t keys) const;
    Tensor project(const Tensor& heads) const;

    std::string path_;
    AttentionLayersConfig config_;
    bool causal_;
    nn::Linear to_q_, to_k_, to_v_, to_out_;
    // empty where there is none
    Tensor mem_k_, mem_v_, before_softmax_, after_softmax_;
};

}  // namespace ldm::conditioners
