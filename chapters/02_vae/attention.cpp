#include "chapters/02_vae/attention.h"

#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/elementwise.h"
#include "common/ops/linear_attention.h"
#include "common/ops/shape.h"

namespace ldm::vae {
namespace {

constexpr nn::Conv2dShape pointwise_without_bias{.kernel = 1, .padding = {}, .bias = nn::Bias::no};

/// A picture as one head of tokens: [N, C, H, W] -> [N, 1, H W, C].
Tensor tokens(const Tensor& picture) {
    const auto [n, channels, height, width] = picture.dims<4>();
    return ops::permute(picture.reshape({n, 1, channels, height * width}), {0, 1, 3, 2});
}

}  // namespace

AttnBlock::AttnBlock(const nn::Params& weights, int channels)
    : path_(weights.path()),
      norm_(weights / "norm", channels, group_norm_eps),
      q_(weights / "q", channels, channels, nn::pointwise),
      k_(weights / "k", channels, channels, nn::pointwise),
      v_(weights / "v", channels, channels, nn::pointwise),
      proj_out_(weights / "proj_out", channels, channels, nn::pointwise) {}

//! [attention]
Tensor AttnBlock::operator()(const Tensor& x) const {
    const Tensor h = norm_(x);
    const Tensor mixed = ops::scaled_dot_product_attention(  // [N, 1, H W, C]
        tokens(q_(h)), tokens(k_(h)), tokens(v_(h)));
    return traced(path_, x + proj_out_(ops::permute(mixed, {0, 1, 3, 2}).reshape(x.shape())));
}
//! [attention]

LinAttnBlock::LinAttnBlock(const nn::Params& weights, int channels)
    : path_(weights.path()),
      to_qkv_(weights / "to_qkv", channels, 3 * channels, pointwise_without_bias),
      to_out_(weights / "to_out", channels, channels, nn::pointwise) {}

Tensor LinAttnBlock::operator()(const Tensor& x) const {
    const auto [n, channels, height, width] = x.dims<4>();
    const Tensor one_head = to_qkv_(x).reshape({n, 1, 3 * channels, height * width});
    // 3 x [N, 1, C, H W]
    const auto qkv = ops::chunk(one_head, 3, 2);
    return traced(path_, to_out_(ops::linear_attention(qkv[0], qkv[1], qkv[2]).reshape(x.shape())));
}

Attention::Attention(const nn::Params& weights, int channels, AttnType type)
    : path_(weights.path()) {
    if (type == AttnType::vanilla) block_.emplace<AttnBlock>(weights, channels);
    if (type == AttnType::linear) block_.emplace<LinAttnBlock>(weights, channels);
}

Tensor Attention::operator()(const Tensor& x) const {
    if (const auto* block = std::get_if<AttnBlock>(&block_)) return (*block)(x);
    if (const auto* block = std::get_if<LinAttnBlock>(&block_)) return (*block)(x);
    return traced(path_, x);
}

}  // namespace ldm::vae
