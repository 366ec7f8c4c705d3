#include "chapters/06_spatial_transformer/spatial_transformer.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::spatial_transformer {
namespace {

//! [tokens]
Tensor tokens_of(const Tensor& x) {  // [N, C, H, W] -> [N, H W, C]
    const auto [n, channels, height, width] = x.dims<4>();
    return ops::permute(x.reshape({n, channels, height * width}), {0, 2, 1});
}

Tensor pixels_of(const Tensor& tokens, std::int64_t height,
                 std::int64_t width) {  // [N, H W, C] -> [N, C, H, W]
    const auto [n, count, channels] = tokens.dims<3>();
    return ops::permute(tokens, {0, 2, 1}).reshape({n, channels, height, width});
}
//! [tokens]

}  // namespace

Projection::Projection(const nn::Params& weights, int in, int out, bool linear)
    : layer_(linear ? decltype(layer_)(nn::Linear(weights, in, out))
                    : nn::Conv2d(weights, in, out, nn::pointwise)) {}

//! [projection]
Tensor Projection::to_tokens(const Tensor& x) const {
    if (const auto* linear = std::get_if<nn::Linear>(&layer_)) return (*linear)(tokens_of(x));
    return tokens_of(std::get<nn::Conv2d>(layer_)(x));
}

Tensor Projection::to_pixels(const Tensor& tokens, std::int64_t height, std::int64_t width) const {
    if (const auto* linear = std::get_if<nn::Linear>(&layer_))
        return pixels_of((*linear)(tokens), height, width);
    return std::get<nn::Conv2d>(layer_)(pixels_of(tokens, height, width));
}
//! [projection]

SpatialTransformer::Config SpatialTransformer::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json, {"in_channels", "n_heads", "d_head", "depth", "dropout", "context_dim", "use_linear"},
        "SpatialTransformer");
    Config config{.in_channels = io::get<int>(json, "in_channels"),
                  .n_heads = io::get<int>(json, "n_heads"),
                  .d_head = io::get<int>(json, "d_head")};
    config.depth = io::get_or(json, "depth", config.depth);
    expect(config.depth >= 1, "SpatialTransformer: 'depth' must be at least 1");
    if (const int context_dim = io::get_or(json, "context_dim", 0))
        config.context_dim = context_dim;
    config.use_linear = io::get_or(json, "use_linear", config.use_linear);
    return config;
}

SpatialTransformer::SpatialTransformer(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      norm_(weights / "norm", config.in_channels, 1e-6f),
      proj_in_(weights / "proj_in", config.in_channels, config.n_heads * config.d_head,
               config.use_linear),
      proj_out_(weights / "proj_out", config.n_heads * config.d_head, config.in_channels,
                config.use_linear) {
    for (int i = 0; i < config.depth; ++i)
        blocks_.emplace_back(weights / "transformer_blocks" / i,
                             BasicTransformerBlock::Config{.dim = config.n_heads * config.d_head,
                                                           .n_heads = config.n_heads,
                                                           .d_head = config.d_head,
                                                           .context_dim = config.context_dim});
}

//! [forward]
Tensor SpatialTransformer::operator()(const Tensor& x, const Tensor& context) const {
    const auto [n, channels, height, width] = x.dims<4>();

    Tensor tokens = proj_in_.to_tokens(norm_(x));  // [N, C, H, W] -> [N, H W, D]

    for (const BasicTransformerBlock& block : blocks_) tokens = block(tokens, context);

    return traced(path_, x + proj_out_.to_pixels(tokens, height, width));  // [N, C, H, W]
}
//! [forward]

}  // namespace ldm::spatial_transformer
