#include "chapters/12_conditioners/x_transformer/attention_layers.h"

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

/// [sin(n f_j), cos(n f_j)] for n = 0 … tokens - 1: [tokens, dim].
Tensor sinusoids(std::int64_t tokens, const Tensor& frequencies) {
    Tensor numbers({tokens, 1});
    for (std::int64_t n = 0; n < tokens; ++n) numbers.data()[n] = static_cast<float>(n);
    const Tensor angles = ops::to(numbers, frequencies.device()) * frequencies;
    return ops::concat({ops::sin(angles), ops::cos(angles)}, 1);
}

}  // namespace

AttentionLayers::Layer AttentionLayers::make_layer(const nn::Params& weights,
                                                   const AttentionLayersConfig& config,
                                                   LayerType type) {
    Layer layer{.type = type,
                .norm = {weights / 0, config.norm, config.dim},
                .join = {weights / 2, config.gate_residual, config.dim}};
    const nn::Params block = weights / 1;
    if (type == LayerType::feed_forward) {
        layer.feed_forward.emplace(block, spatial_transformer::FeedForward::Config{
                                              .dim = config.dim,
                                              .mult = static_cast<double>(config.ff_mult),
                                              .glu = config.ff_glu});
        return layer;
    }
    const bool causal = config.causal && type == LayerType::attention;
    if (config.norm == Norm::rezero) {
        layer.attention.emplace(block / "fn", config, causal);
        layer.g = block.get("g", {1});
    } else {
        layer.attention.emplace(block, config, causal);
    }
    return layer;
}

AttentionLayers::AttentionLayers(const nn::Params& weights, const AttentionLayersConfig& config)
    : config_(config) {
    if (config.position_infused_attn)
        frequencies_ = (weights / "pia_pos_emb").get("inv_freq", {(config.dim + 1) / 2});
    for (const LayerType type : layer_types(config))
        layers_.push_back(
            make_layer(weights / "layers" / static_cast<int>(layers_.size()), config, type));
}

//! [layers]
Tensor AttentionLayers::operator()(const Input& input) const {
    expect(static_cast<bool>(input.context) == config_.cross_attend,
           config_.cross_attend ? "this transformer needs a context"
                                : "this transformer reads no context, but one was given");
    Tensor positions;
    if (frequencies_) positions = sinusoids(input.x.dim(1), frequencies_);

    Tensor x = input.x, scores, cross_scores;
    for (const Layer& layer : layers_) {
        const Tensor h = config_.pre_norm ? layer.norm(x) : x;
        Tensor branch;
        if (layer.type == LayerType::feed_forward) {
            branch = (*layer.feed_forward)(h);
        } else if (layer.type == LayerType::attention) {
            const auto found = (*layer.attention)(
                {.x = h, .mask = input.mask, .positions = positions, .scores_before = scores},
                config_.residual_attn);
            branch = found.y;
            scores = found.scores;
        } else {
            const auto found = (*layer.attention)({.x = h,
                                                   .context = input.context,
                                                   .mask = input.mask,
                                                   .context_mask = input.context_mask,
                                                   .scores_before = cross_scores},
                                                  config_.cross_residual_attn);
            branch = found.y;
            cross_scores = found.scores;
        }
        if (layer.g) branch = branch * layer.g;
        x = layer.join(branch, x);
        const bool is_last = &layer == &layers_.back();
        if (!config_.pre_norm && !is_last) x = layer.norm(x);
    }
    return x;
}
//! [layers]

}  // namespace ldm::conditioners
