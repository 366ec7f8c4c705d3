#pragma once

#include <optional>

#include "chapters/04_attention/cross_attention.h"
#include "chapters/06_spatial_transformer/feed_forward.h"
#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::spatial_transformer {

/// A pre-norm transformer block: self-attention, cross-attention, feed-forward, each with a
/// LayerNorm in front and a skip connection around (attention.py: BasicTransformerBlock):
///
///     x = x + attn1(norm1(x))
///     x = x + attn2(norm2(x), context)
///     x = x + ff(norm3(x))
///
/// In a model without a context there is no context_dim, and attn2 is self-attention once more.
class BasicTransformerBlock {
public:
    struct Config {
        /// D, width of a token of x
        int dim;
        int n_heads;
        /// d, width of a head; n_heads d need not be D
        int d_head;
        /// width of a context token; absent: no cross-attention
        std::optional<int> context_dim;
        /// GEGLU in the feed-forward layer, else GELU
        bool gated_ff = true;

        /// Upstream's keys. dropout and checkpoint are accepted and change nothing: dropout acts in
        /// training only, where SD 1.x has 0, and gradient checkpointing changes memory, not
        /// results. Throws an Error that names an unknown or missing key.
        static Config from_json(const io::Json& json);
    };

    BasicTransformerBlock(const nn::Params& weights, const Config& config);

    /// x [N, S, dim], context [N, M, context_dim] -> [N, S, dim].
    Tensor operator()(Tensor x, const Tensor& context = {}) const;

private:
    std::string path_;
    nn::LayerNorm norm1_, norm2_, norm3_;
    // self-attention
    attention::CrossAttention attn1_;
    // cross-attention
    attention::CrossAttention attn2_;
    FeedForward ff_;
};

}  // namespace ldm::spatial_transformer
