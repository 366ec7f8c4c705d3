#include "common/nn/layers.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/norm.h"

namespace ldm::nn {

Linear::Linear(const Params& weights, std::int64_t in, std::int64_t out, Bias bias)
    : path_(weights.path()), weight_(weights.weight("weight", {out, in})) {
    if (bias == Bias::yes) bias_ = weights.get("bias", {out});
}

Tensor Linear::operator()(const Tensor& x) const { return traced(path_, weight_.linear(x, bias_)); }

Conv2d::Conv2d(const Params& weights, std::int64_t in, std::int64_t out, Conv2dShape shape)
    : path_(weights.path()),
      options_{.stride = shape.stride, .padding = shape.padding},
      weight_(weights.weight("weight", {out, in, shape.kernel, shape.kernel})) {
    if (shape.bias == Bias::yes) bias_ = weights.get("bias", {out});
}

Tensor Conv2d::operator()(const Tensor& x) const {
    return traced(path_, weight_.conv2d(x, bias_, options_));
}

GroupNorm::GroupNorm(const Params& weights, std::int64_t channels, float eps, int groups)
    : path_(weights.path()),
      groups_(groups),
      eps_(eps),
      weight_(weights.get("weight", {channels})),
      bias_(weights.get("bias", {channels})) {}

Tensor GroupNorm::operator()(const Tensor& x) const {
    return traced(path_, ops::group_norm(x, groups_, weight_, bias_, eps_));
}

Tensor GroupNorm::then_silu(const Tensor& x) const {
    if (tracing(path_)) return ops::silu((*this)(x));
    return ops::group_norm_silu(x, groups_, weight_, bias_, eps_);
}

LayerNorm::LayerNorm(const Params& weights, std::int64_t width, float eps)
    : path_(weights.path()),
      eps_(eps),
      weight_(weights.get("weight", {width})),
      bias_(weights.get("bias", {width})) {}

Tensor LayerNorm::operator()(const Tensor& x) const {
    return traced(path_, ops::layer_norm(x, weight_, bias_, eps_));
}

Embedding::Embedding(const Params& weights, std::int64_t rows, std::int64_t width)
    : path_(weights.path()), table_(weights.get("weight", {rows, width})) {}

Tensor Embedding::operator()(const Tensor& ids) const {
    return traced(path_, ops::embedding(ids, table_));
}

}  // namespace ldm::nn
