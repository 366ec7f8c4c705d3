#pragma once

#include <cstdint>
#include <string>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::attention {

/// Self-attention between the pixels of a picture, as the older UNets without text use it.
///
///     x + proj_out(softmax(q k^T / sqrt(d)) v),   (q, k, v) = qkv(norm(x))
///
/// One matrix makes q, k and v at once, and two orders of its 3C output channels are in use:
/// the original one is (head, q/k/v, d), the "new" one is (q/k/v, head, d). With one head they are
/// the same; with several, mixing them up trains and loads without complaint and draws noise.
///
/// From AttentionBlock, QKVAttentionLegacy and QKVAttention of openaimodel.py; keys norm, qkv,
/// proj_out. The last two are 1-D convolutions there: weights [3C, C, 1] and [C, C, 1].
class AttentionBlock {
public:
    struct Config {
        std::int64_t channels;
        std::int64_t num_heads = 1;
        /// when given, heads = channels / num_head_channels
        std::int64_t num_head_channels = -1;
        bool use_new_attention_order = false;

        static Config from_json(const io::Json& json);
        std::int64_t heads() const;
    };

    AttentionBlock(const nn::Params& weights, const Config& config);

    /// x [N, C, ...] -> the same shape. The attention weights are left on the Trace in scope as
    /// "<path>.weights", [N, heads, S, S] with S pixels.
    Tensor operator()(const Tensor& x) const;

private:
    struct Heads {
        Tensor q, k, v;  // [N, heads, S, d]
    };
    Heads split(const Tensor& qkv) const;

    std::string path_;
    std::int64_t channels_, heads_;
    bool new_order_;
    nn::GroupNorm norm_;
    Tensor qkv_weight_, qkv_bias_, proj_weight_, proj_bias_;
};

}  // namespace ldm::attention
