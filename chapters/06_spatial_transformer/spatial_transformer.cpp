#include "chapters/06_spatial_transformer/spatial_transformer.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::spatial_transformer {

SpatialTransformer::Config SpatialTransformer::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"in_channels", "n_heads", "d_head", "depth", "dropout", "context_dim"},
                         "SpatialTransformer");
    Config config{.in_channels = io::get<int>(json, "in_channels"),
                  .n_heads = io::get<int>(json, "n_heads"),
                  .d_head = io::get<int>(json, "d_head")};
    config.depth = io::get_or(json, "depth", config.depth);
    expect(config.depth >= 1, "SpatialTransformer: 'depth' must be at least 1");
    if (const int context_dim = io::get_or(json, "context_dim", 0))
        config.context_dim = context_dim;
    return config;
}

SpatialTransformer::SpatialTransformer(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      norm_(weights / "norm", config.in_channels, 1e-6f),
      proj_in_(weights / "proj_in", config.in_channels, config.n_heads * config.d_head,
               nn::pointwise),
      proj_out_(weights / "proj_out", config.n_heads * config.d_head, config.in_channels,
                nn::pointwise) {
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

    Tensor h = proj_in_(norm_(x));                                                // [N, D, H, W]
    Tensor tokens = ops::permute(h.reshape({n, -1, height * width}), {0, 2, 1});  // [N, H W, D]

    for (const BasicTransformerBlock& block : blocks_) tokens = block(tokens, context);

    h = ops::permute(tokens, {0, 2, 1}).reshape({n, -1, height, width});  // [N, D, H, W]
    return traced(path_, x + proj_out_(h));                               // [N, C, H, W]
}
//! [forward]

}  // namespace ldm::spatial_transformer
