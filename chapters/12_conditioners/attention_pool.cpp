#include "chapters/12_conditioners/attention_pool.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/ops/attention.h"
#include "common/ops/elementwise.h"
#include "common/ops/heads.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::conditioners {

AttentionPool2d::AttentionPool2d(const nn::Params& weights, const Config& config)
    : config_(config) {
    const std::int64_t c = config.embed_dim, pixels = config.spacial_dim * config.spacial_dim;
    if (c % config.num_heads_channels != 0)
        throw Error(fmt::format("{} channels cannot be cut into heads of {}", c,
                                config.num_heads_channels));
    positions_ = weights.get("positional_embedding", {c, pixels + 1});
    qkv_weight_ = (weights / "qkv_proj").get("weight", {3 * c, c, 1});
    qkv_bias_ = (weights / "qkv_proj").get("bias", {3 * c});
    proj_weight_ = (weights / "c_proj").get("weight", {config.output_dim, c, 1});
    proj_bias_ = (weights / "c_proj").get("bias", {config.output_dim});
}

//! [pool]
Tensor AttentionPool2d::operator()(const Tensor& x) const {
    const std::int64_t n = x.dim(0), c = config_.embed_dim;
    expect_shape(x, {n, c, config_.spacial_dim, config_.spacial_dim});
    const Tensor pixels = x.reshape({n, c, -1});
    const Tensor mean = ops::mean(pixels, {2}, ops::Axes::keep);  // [N, C, 1]
    const Tensor tokens =
        ops::permute(ops::concat({mean, pixels}, 2) + positions_, {0, 2, 1});  // [N, 1 + S S, C]
    const auto qkv =
        ops::chunk(ops::linear(tokens, qkv_weight_.reshape({3 * c, c}), qkv_bias_), 3, -1);

    const std::int64_t heads = c / config_.num_heads_channels;
    const Tensor q = ops::split_heads(ops::slice(qkv[0], 1, 0, 1), heads);  // of the mean alone
    const Tensor k = ops::split_heads(qkv[1], heads), v = ops::split_heads(qkv[2], heads);
    const Tensor y = ops::merge_heads(ops::scaled_dot_product_attention(q, k, v));  // [N, 1, C]
    return ops::linear(y, proj_weight_.reshape({config_.output_dim, c}), proj_bias_)
        .reshape({n, config_.output_dim});
}
//! [pool]

}  // namespace ldm::conditioners
