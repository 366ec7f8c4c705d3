#include "chapters/04_attention/attention_block.h"

#include <fmt/format.h>

#include "chapters/04_attention/trace_attention_weights.h"
#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/elementwise.h"
#include "common/ops/heads.h"
#include "common/ops/matmul.h"
#include "common/ops/shape.h"

namespace ldm::attention {

AttentionBlock::Config AttentionBlock::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json,
        {"channels", "num_heads", "num_head_channels", "use_new_attention_order", "use_checkpoint"},
        "AttentionBlock");
    Config config{.channels = io::get<std::int64_t>(json, "channels")};
    config.num_heads = io::get_or(json, "num_heads", config.num_heads);
    config.num_head_channels = io::get_or(json, "num_head_channels", config.num_head_channels);
    config.use_new_attention_order = io::get_or(json, "use_new_attention_order", false);
    return config;
}

std::int64_t AttentionBlock::Config::heads() const {
    const std::int64_t heads = num_head_channels == -1  ? num_heads
                               : num_head_channels >= 1 ? channels / num_head_channels
                                                        : 0;
    if (heads < 1 || channels % heads != 0 ||
        (num_head_channels != -1 && heads * num_head_channels != channels))
        fail(fmt::format("{} channels cannot be cut into heads: num_heads {}, num_head_channels {}",
                         channels, num_heads, num_head_channels));
    return heads;
}

AttentionBlock::AttentionBlock(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      channels_(config.channels),
      heads_(config.heads()),
      new_order_(config.use_new_attention_order),
      norm_(weights / "norm", channels_, 1e-5f),
      qkv_weight_((weights / "qkv").get("weight", {3 * channels_, channels_, 1})),
      qkv_bias_((weights / "qkv").get("bias", {3 * channels_})),
      proj_weight_((weights / "proj_out").get("weight", {channels_, channels_, 1})),
      proj_bias_((weights / "proj_out").get("bias", {channels_})) {}

//! [orders]
AttentionBlock::Heads AttentionBlock::split(const Tensor& qkv) const {
    // channels are (q/k/v, head, d)
    if (new_order_) {
        const auto part = ops::chunk(qkv, 3, -1);
        return {ops::split_heads(part[0], heads_), ops::split_heads(part[1], heads_),
                ops::split_heads(part[2], heads_)};
    }
    // (head, q/k/v, d)
    const auto part = ops::chunk(ops::split_heads(qkv, heads_), 3, -1);
    return {part[0], part[1], part[2]};
}
//! [orders]

//! [forward]
Tensor AttentionBlock::operator()(const Tensor& x) const {
    const Tensor pixels = norm_(x).reshape({x.dim(0), channels_, -1});  // [N, C, H, W] -> [N, C, S]
    const Tensor tokens = ops::permute(pixels, {0, 2, 1});              // [N, C, S] -> [N, S, C]
    const Tensor qkv =
        ops::linear(tokens, qkv_weight_.reshape({3 * channels_, channels_}), qkv_bias_);
    const auto [q, k, v] = split(qkv);  // [N, heads, S, d]

    trace_attention_weights(path_, q, k);
    const Tensor y = ops::merge_heads(ops::scaled_dot_product_attention(q, k, v));
    const Tensor out = ops::linear(y, proj_weight_.reshape({channels_, channels_}), proj_bias_);
    return traced(path_, x + ops::permute(out, {0, 2, 1}).reshape(x.shape()));
}
//! [forward]

}  // namespace ldm::attention
