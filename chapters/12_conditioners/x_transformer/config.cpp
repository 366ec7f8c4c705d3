#include "chapters/12_conditioners/x_transformer/config.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::conditioners {
namespace {

// far beyond every model there is
constexpr int widest = 1 << 16, deepest = 1 << 10, largest_table = 1 << 20;

std::optional<int> optional_in(const io::Json& json, const char* key, int low, int high) {
    if (!json.contains(key) || json[key].is_null()) return std::nullopt;
    return io::get_in(json, key, low, high);
}

Norm norm_of(const io::Json& json) {
    if (io::get_or(json, "use_rezero", false)) return Norm::rezero;
    if (io::get_or(json, "use_rmsnorm", false)) return Norm::rms;
    return io::get_or(json, "use_scalenorm", false) ? Norm::scale : Norm::layer;
}

using Types = std::vector<LayerType>;

Types repeated(const Types& block, int times) {
    Types types;
    for (int i = 0; i < times; ++i) types.insert(types.end(), block.begin(), block.end());
    return types;
}

void append(Types& types, LayerType type, int times) { types.insert(types.end(), times, type); }

Types sandwich(const Types& block, int depth, int coefficient) {
    Types types(coefficient, LayerType::attention);
    const Types middle = repeated(block, depth - coefficient);
    types.insert(types.end(), middle.begin(), middle.end());
    append(types, LayerType::feed_forward, coefficient);
    return types;
}

/// So many layers as in the default order, one in `ratio` of them attention, and that in their
/// first two thirds.
Types attention_when_required(Types block, int depth, int ratio) {
    const int layers = depth * static_cast<int>(block.size()), attention = layers / ratio;
    const int first_part = 2 * layers / 3;
    const int width = attention > 0 ? (first_part + first_part / attention) / attention : 0;
    std::erase(block, LayerType::feed_forward);
    const int attending = static_cast<int>(block.size());
    if (attention < 1 || attending > width)
        throw Error(fmt::format("'par_ratio' {}: {} layers cannot be ordered so", ratio, layers));
    append(block, LayerType::feed_forward, width - attending);
    Types types = repeated(block, attention);
    append(types, LayerType::feed_forward, layers - static_cast<int>(types.size()));
    return types;
}

}  // namespace

AttentionLayersConfig AttentionLayersConfig::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"class",
                          "dim",
                          "depth",
                          "heads",
                          "causal",
                          "cross_attend",
                          "only_cross",
                          "use_scalenorm",
                          "use_rmsnorm",
                          "use_rezero",
                          "position_infused_attn",
                          "sandwich_coef",
                          "par_ratio",
                          "residual_attn",
                          "cross_residual_attn",
                          "pre_norm",
                          "gate_residual",
                          "attn_dim_head",
                          "attn_num_mem_kv",
                          "attn_talking_heads",
                          "attn_sparse_topk",
                          "attn_on_attn",
                          "ff_mult",
                          "ff_glu"},
                         "attn_layers");
    const auto kind = io::get_or(json, "class", "Encoder");
    if (kind != "Encoder" && kind != "AttentionLayers")
        throw Error(fmt::format("'class': '{}', expected Encoder or AttentionLayers", kind));
    AttentionLayersConfig config{
        .dim = io::get_in(json, "dim", 1, widest),
        .depth = io::get_in(json, "depth", 0, deepest),
        .heads = io::get_in_or(json, "heads", 1, widest, 8),
        .dim_head = io::get_in_or(json, "attn_dim_head", 1, widest, 64),
        .causal = io::get_or(json, "causal", false),
        .cross_attend = io::get_or(json, "cross_attend", false),
        .only_cross = io::get_or(json, "only_cross", false),
        .sandwich_coef = optional_in(json, "sandwich_coef", 1, deepest),
        .par_ratio = optional_in(json, "par_ratio", 1, deepest),
        .norm = norm_of(json),
        .pre_norm = io::get_or(json, "pre_norm", true),
        .gate_residual = io::get_or(json, "gate_residual", false),
        .residual_attn = io::get_or(json, "residual_attn", false),
        .cross_residual_attn = io::get_or(json, "cross_residual_attn", false),
        .position_infused_attn = io::get_or(json, "position_infused_attn", false),
        .num_mem_kv = io::get_in_or(json, "attn_num_mem_kv", 0, widest, 0),
        .talking_heads = io::get_or(json, "attn_talking_heads", false),
        .sparse_topk = optional_in(json, "attn_sparse_topk", 1, widest),
        .on_attn = io::get_or(json, "attn_on_attn", false),
        .ff_mult = io::get_in_or(json, "ff_mult", 1, 64, 4),
        .ff_glu = io::get_or(json, "ff_glu", false),
    };
    if (kind == "Encoder" && config.causal)
        throw Error("an Encoder is not 'causal': take AttentionLayers");
    (void)layer_types(config);
    return config;
}

std::vector<LayerType> layer_types(const AttentionLayersConfig& config) {
    using enum LayerType;
    Types block = {attention, feed_forward};
    if (config.cross_attend) block = {attention, cross_attention, feed_forward};
    if (config.cross_attend && config.only_cross) block = {cross_attention, feed_forward};
    if (config.par_ratio) return attention_when_required(block, config.depth, *config.par_ratio);
    if (!config.sandwich_coef) return repeated(block, config.depth);
    if (*config.sandwich_coef > config.depth)
        throw Error(fmt::format("'sandwich_coef' {} is more than the depth {}",
                                *config.sandwich_coef, config.depth));
    return sandwich(block, config.depth, *config.sandwich_coef);
}

TransformerConfig TransformerConfig::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"num_tokens", "max_seq_len", "attn_layers", "emb_dim",
                          "num_memory_tokens", "tie_embedding", "use_pos_emb"},
                         "TransformerWrapper");
    TransformerConfig config{
        .num_tokens = io::get_in(json, "num_tokens", 1, largest_table),
        .max_seq_len = io::get_in(json, "max_seq_len", 0, largest_table),
        .attn_layers = AttentionLayersConfig::from_json(io::get<io::Json>(json, "attn_layers")),
        .emb_dim = optional_in(json, "emb_dim", 1, widest),
        .num_memory_tokens = io::get_in_or(json, "num_memory_tokens", 0, widest, 0),
        .tie_embedding = io::get_or(json, "tie_embedding", false),
        .use_pos_emb = io::get_or(json, "use_pos_emb", true),
    };
    return config;
}

}  // namespace ldm::conditioners
