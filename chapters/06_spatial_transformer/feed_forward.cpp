#include "chapters/06_spatial_transformer/feed_forward.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::spatial_transformer {
namespace {

/// A fraction is cut off, as upstream.
std::int64_t inner_width(const FeedForward::Config& config) {
    return static_cast<std::int64_t>(config.dim * config.mult);
}

nn::Linear make_widen(const nn::Params& weights, const FeedForward::Config& config) {
    if (config.glu) return {weights / "proj", config.dim, 2 * inner_width(config)};
    return {weights / 0, config.dim, inner_width(config)};
}

}  // namespace

FeedForward::Config FeedForward::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"dim", "dim_out", "mult", "glu", "dropout"}, "FeedForward");
    Config config{.dim = io::get<int>(json, "dim")};
    if (const int dim_out = io::get_or(json, "dim_out", 0)) config.dim_out = dim_out;
    config.mult = io::get_or(json, "mult", config.mult);
    config.glu = io::get_or(json, "glu", config.glu);
    return config;
}

FeedForward::FeedForward(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      config_(config),
      widen_(make_widen(weights / "net" / 0, config)),
      narrow_(weights / "net" / 2, inner_width(config), config.dim_out.value_or(config.dim)) {}

//! [forward]
Tensor FeedForward::operator()(const Tensor& x) const {
    // [N, S, inner], or [N, S, 2 inner] with GEGLU
    Tensor h = widen_(x);
    if (config_.glu) {
        const auto halves = ops::chunk(h, 2, -1);
        h = halves[0] * ops::gelu(halves[1]);  // [N, S, inner]
    } else {
        h = ops::gelu(h);
    }
    return traced(path_, narrow_(h));  // [N, S, dim_out]
}
//! [forward]

}  // namespace ldm::spatial_transformer
