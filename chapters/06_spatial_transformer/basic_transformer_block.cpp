#include "chapters/06_spatial_transformer/basic_transformer_block.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"

namespace ldm::spatial_transformer {

BasicTransformerBlock::Config BasicTransformerBlock::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json, {"dim", "n_heads", "d_head", "dropout", "context_dim", "gated_ff", "checkpoint"},
        "BasicTransformerBlock");
    Config config{.dim = io::get<int>(json, "dim"),
                  .n_heads = io::get<int>(json, "n_heads"),
                  .d_head = io::get<int>(json, "d_head")};
    // absent or 0: no cross-attention
    if (const int context_dim = io::get_or(json, "context_dim", 0))
        config.context_dim = context_dim;
    config.gated_ff = io::get_or(json, "gated_ff", config.gated_ff);
    return config;
}

BasicTransformerBlock::BasicTransformerBlock(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      norm1_(weights / "norm1", config.dim),
      norm2_(weights / "norm2", config.dim),
      norm3_(weights / "norm3", config.dim),
      attn1_(weights / "attn1",
             {.query_dim = config.dim, .heads = config.n_heads, .dim_head = config.d_head}),
      attn2_(weights / "attn2", {.query_dim = config.dim,
                                 .context_dim = config.context_dim,
                                 .heads = config.n_heads,
                                 .dim_head = config.d_head}),
      ff_(weights / "ff", {.dim = config.dim, .glu = config.gated_ff}) {}

//! [forward]
Tensor BasicTransformerBlock::operator()(Tensor x, const Tensor& context) const {
    // self-attention among the S positions
    x = x + attn1_(norm1_(x));
    // cross-attention to M context tokens
    x = x + attn2_(norm2_(x), context);
    // position-wise MLP
    x = x + ff_(norm3_(x));
    return traced(path_, x);
}
//! [forward]

}  // namespace ldm::spatial_transformer
