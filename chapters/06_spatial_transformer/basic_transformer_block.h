#pragma once

#include <optional>

#include "chapters/04_attention/cross_attention.h"
#include "chapters/06_spatial_transformer/feed_forward.h"
#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::spatial_transformer {

/// The tokens look at each other, then at the words, then each thinks alone
/// (attention.py: BasicTransformerBlock). Every step is a correction to what is already there:
///
///     x = x + attn1(norm1(x))
///     x = x + attn2(norm2(x), context)
///     x = x + ff(norm3(x))
///
/// x [N, S, dim], context [N, M, context_dim] -> [N, S, dim]. In a model without words there is no
/// context_dim, and the second attention looks at x once more.
class BasicTransformerBlock {
public:
    struct Config {
        int dim;
        int n_heads;
        int d_head;
        std::optional<int> context_dim;
        bool gated_ff = true;

        static Config from_json(const io::Json& json);
    };

    BasicTransformerBlock(const nn::Params& weights, const Config& config);
    Tensor operator()(Tensor x, const Tensor& context = {}) const;

private:
    std::string path_;
    nn::LayerNorm norm1_, norm2_, norm3_;
    // pixels look at pixels
    attention::CrossAttention attn1_;
    // pixels look at words
    attention::CrossAttention attn2_;
    FeedForward ff_;
};

}  // namespace ldm::spatial_transformer
