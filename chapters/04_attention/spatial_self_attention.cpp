#include "chapters/04_attention/spatial_self_attention.h"

#include "chapters/04_attention/trace_attention_weights.h"
#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::attention {
namespace {

/// [N, C, H, W] -> [N, 1, HW, C]
Tensor as_tokens(const Tensor& x) {
    return ops::permute(x.reshape({x.dim(0), 1, x.dim(1), -1}), {0, 1, 3, 2});
}

}  // namespace

SpatialSelfAttention::Config SpatialSelfAttention::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"in_channels"}, "SpatialSelfAttention");
    return {.in_channels = io::get<std::int64_t>(json, "in_channels")};
}

SpatialSelfAttention::SpatialSelfAttention(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      norm_(weights / "norm", config.in_channels, 1e-6f),
      q_(weights / "q", config.in_channels, config.in_channels, nn::pointwise),
      k_(weights / "k", config.in_channels, config.in_channels, nn::pointwise),
      v_(weights / "v", config.in_channels, config.in_channels, nn::pointwise),
      proj_out_(weights / "proj_out", config.in_channels, config.in_channels, nn::pointwise) {}

//! [forward]
Tensor SpatialSelfAttention::operator()(const Tensor& x) const {
    const Tensor h = norm_(x);
    const Tensor q = as_tokens(q_(h)), k = as_tokens(k_(h)), v = as_tokens(v_(h));

    trace_attention_weights(path_, q, k);
    const Tensor y = ops::scaled_dot_product_attention(q, k, v);              // [N, 1, HW, C]
    const Tensor picture = ops::permute(y, {0, 1, 3, 2}).reshape(x.shape());  // [N, C, H, W]
    return traced(path_, x + proj_out_(picture));
}
//! [forward]

}  // namespace ldm::attention
