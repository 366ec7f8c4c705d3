#include "chapters/04_attention/linear_attention.h"

#include "common/autograd/trace.h"
#include "common/ops/linear_attention.h"
#include "common/ops/shape.h"

namespace ldm::attention {
namespace {

constexpr nn::Conv2dShape without_bias{.kernel = 1, .padding = {}, .bias = nn::Bias::no};

}  // namespace

LinearAttention::Config LinearAttention::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"dim", "heads", "dim_head"}, "LinearAttention");
    Config config{.dim = io::get<std::int64_t>(json, "dim")};
    config.heads = io::get_or(json, "heads", config.heads);
    config.dim_head = io::get_or(json, "dim_head", config.dim_head);
    return config;
}

LinearAttention::LinearAttention(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      heads_(config.heads),
      dim_head_(config.dim_head),
      to_qkv_(weights / "to_qkv", config.dim, 3 * heads_ * dim_head_, without_bias),
      to_out_(weights / "to_out", heads_ * dim_head_, config.dim, nn::pointwise) {}

//! [forward]
Tensor LinearAttention::operator()(const Tensor& x) const {
    const auto [n, channels, height, width] = x.dims<4>();
    const Tensor qkv = to_qkv_(x).reshape({n, 3 * heads_, dim_head_, height * width});
    // 3 x [N, heads, d, S]
    const auto part = ops::chunk(qkv, 3, 1);
    const Tensor y = ops::linear_attention(part[0], part[1], part[2]);  // [N, heads, d, S]
    return traced(path_, to_out_(y.reshape({n, heads_ * dim_head_, height, width})));
}
//! [forward]

}  // namespace ldm::attention
