#include "chapters/04_attention/cross_attention.h"

#include "chapters/04_attention/trace_attention_weights.h"
#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/heads.h"

namespace ldm::attention {

CrossAttention::Config CrossAttention::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"query_dim", "context_dim", "heads", "dim_head", "dropout"},
                         "CrossAttention");
    Config config{.query_dim = io::get<std::int64_t>(json, "query_dim")};
    if (json.contains("context_dim") && !json["context_dim"].is_null())
        config.context_dim = io::get<std::int64_t>(json, "context_dim");
    config.heads = io::get_or(json, "heads", config.heads);
    config.dim_head = io::get_or(json, "dim_head", config.dim_head);
    return config;
}

CrossAttention::CrossAttention(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      heads_(config.heads),
      to_q_(weights / "to_q", config.query_dim, heads_ * config.dim_head, nn::Bias::no),
      to_k_(weights / "to_k", config.context_dim.value_or(config.query_dim),
            heads_ * config.dim_head, nn::Bias::no),
      to_v_(weights / "to_v", config.context_dim.value_or(config.query_dim),
            heads_ * config.dim_head, nn::Bias::no),
      to_out_(weights / "to_out" / 0, heads_ * config.dim_head, config.query_dim) {}

//! [forward]
Tensor CrossAttention::operator()(const Tensor& x, const Tensor& context,
                                  const Tensor& mask) const {
    const Tensor& source = context ? context : x;              // [N, M, context_dim]
    const Tensor q = ops::split_heads(to_q_(x), heads_);       // [N, heads, S, d]
    const Tensor k = ops::split_heads(to_k_(source), heads_);  // [N, heads, M, d]
    const Tensor v = ops::split_heads(to_v_(source), heads_);  // [N, heads, M, d]

    const ops::AttentionOptions options{.key_padding_mask = mask};
    trace_attention_weights(path_, q, k, options);
    const Tensor y = ops::scaled_dot_product_attention(q, k, v, options);
    return traced(path_, to_out_(ops::merge_heads(y)));  // [N, heads, S, d] -> [N, S, D]
}
//! [forward]

}  // namespace ldm::attention
