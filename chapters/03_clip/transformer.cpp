#include "chapters/03_clip/transformer.h"

#include <fmt/format.h>

#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/elementwise.h"
#include "common/ops/heads.h"

namespace ldm::clip {
namespace {

Tensor (*activation_named(const std::string& name))(const Tensor&) {
    if (name == "quick_gelu") return ops::quick_gelu;
    if (name == "gelu") return ops::gelu;
    fail(fmt::format("unsupported hidden_act '{}': expected quick_gelu or gelu", name));
}

}  // namespace

TransformerConfig TransformerConfig::from_json(const io::Json& json) {
    // far beyond every model there is
    constexpr std::int64_t widest = 1 << 16;
    constexpr int deepest = 256;
    TransformerConfig config{
        .hidden_size = io::get_in<std::int64_t>(json, "hidden_size", 1, widest),
        .intermediate_size = io::get_in<std::int64_t>(json, "intermediate_size", 1, widest),
        .num_hidden_layers = io::get_in(json, "num_hidden_layers", 0, deepest),
        .num_attention_heads = io::get_in<std::int64_t>(json, "num_attention_heads", 1, widest),
        .hidden_act = io::get_or(json, "hidden_act", "quick_gelu"),
    };
    activation_named(config.hidden_act);
    if (config.hidden_size % config.num_attention_heads != 0)
        fail(fmt::format("hidden_size {} cannot be cut into num_attention_heads {}",
                         config.hidden_size, config.num_attention_heads));
    return config;
}

SelfAttention::SelfAttention(const nn::Params& weights, const TransformerConfig& config,
                             AttentionMask mask)
    : path_(weights.path()),
      heads_(config.num_attention_heads),
      causal_(mask == AttentionMask::causal),
      q_(weights / "q_proj", config.hidden_size, config.hidden_size),
      k_(weights / "k_proj", config.hidden_size, config.hidden_size),
      v_(weights / "v_proj", config.hidden_size, config.hidden_size),
      out_(weights / "out_proj", config.hidden_size, config.hidden_size) {}

Tensor SelfAttention::operator()(const Tensor& x) const {
    const Tensor q = ops::split_heads(q_(x), heads_);  // [N, S, D] -> [N, heads, S, d]
    const Tensor k = ops::split_heads(k_(x), heads_);
    const Tensor v = ops::split_heads(v_(x), heads_);
    const Tensor y = ops::scaled_dot_product_attention(q, k, v, {.causal = causal_});
    return traced(path_, out_(ops::merge_heads(y)));  // [N, heads, S, d] -> [N, S, D]
}

Mlp::Mlp(const nn::Params& weights, const TransformerConfig& config)
    : path_(weights.path()),
      activation_(activation_named(config.hidden_act)),
      fc1_(weights / "fc1", config.hidden_size, config.intermediate_size),
      fc2_(weights / "fc2", config.intermediate_size, config.hidden_size) {}

Tensor Mlp::operator()(const Tensor& x) const { return traced(path_, fc2_(activation_(fc1_(x)))); }

TransformerLayer::TransformerLayer(const nn::Params& weights, const TransformerConfig& config,
                                   AttentionMask mask)
    : path_(weights.path()),
      norm1_(weights / "layer_norm1", config.hidden_size),
      attention_(weights / "self_attn", config, mask),
      norm2_(weights / "layer_norm2", config.hidden_size),
      mlp_(weights / "mlp", config) {}

//! [layer]
Tensor TransformerLayer::operator()(const Tensor& x) const {
    const Tensor h = x + attention_(norm1_(x));
    return traced(path_, h + mlp_(norm2_(h)));
}
//! [layer]

Transformer::Transformer(const nn::Params& weights, const TransformerConfig& config,
                         AttentionMask mask) {
    for (int i = 0; i < config.num_hidden_layers; ++i)
        layers_.emplace_back(weights / "layers" / i, config, mask);
}

std::vector<Tensor> Transformer::hidden_states(const Tensor& x) const {
    std::vector<Tensor> states{x};
    for (const TransformerLayer& layer : layers_) states.push_back(layer(states.back()));
    return states;
}

}  // namespace ldm::clip
