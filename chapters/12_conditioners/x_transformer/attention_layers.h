#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chapters/06_spatial_transformer/feed_forward.h"
#include "chapters/12_conditioners/x_transformer/attention.h"
#include "chapters/12_conditioners/x_transformer/residual.h"

namespace ldm::conditioners {

/// The layers of a transformer in the order of layer_types(), each with a norm before it (or with
/// pre_norm false behind it) and a skip connection around it (x_transformer.py: AttentionLayers).
/// In x_transformer attention and feed-forward are layers of their own, numbered through: keys
/// layers.K.0 for the norm, layers.K.1 for the layer, layers.K.2 for the gate, and with
/// position_infused_attn pia_pos_emb.inv_freq [dim / 2], f_j = 10000^(-2 j / dim).
class AttentionLayers {
public:
    AttentionLayers(const nn::Params& weights, const AttentionLayersConfig& config);

    struct Input {
        /// [N, S, dim]
        Tensor x;
        /// int32 [N, S], 0: masked; empty: none is
        Tensor mask = {};
        /// of cross-attention, [N, M, dim] and int32 [N, M]
        Tensor context = {}, context_mask = {};
    };
    /// [N, S, dim]. Throws an Error unless a context is given exactly where there is
    /// cross-attention.
    [[nodiscard]] Tensor operator()(const Input& input) const;

private:
    struct Layer {
        LayerType type;
        VectorNorm norm;
        std::optional<Attention> attention;
        // of rezero, [1]; else empty
        Tensor g;
        std::optional<spatial_transformer::FeedForward> feed_forward;
        ResidualGate join;
    };
    static Layer make_layer(const nn::Params& weights, const AttentionLayersConfig& config,
                            LayerType type);

    AttentionLayersConfig config_;
    Tensor frequencies_;
    std::vector<Layer> layers_;
};

}  // namespace ldm::conditioners
