#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/nn/layers.h"

/// The transformer that both of CLIP's towers are made of (Radford et al., 2021, "Learning
/// transferable visual models from natural language supervision"). Names and keys are those of
/// transformers' CLIPModel.

namespace ldm::clip {

/// Whether a token may attend to those that come after it: words may not, patches may.
enum class AttentionMask { none, causal };

struct TransformerConfig {
    /// D, width of a token
    std::int64_t hidden_size;
    /// width inside the MLP
    std::int64_t intermediate_size;
    /// number of TransformerLayers
    int num_hidden_layers;
    /// heads, each of width d = D / heads
    std::int64_t num_attention_heads;
    /// "quick_gelu" or "gelu"
    std::string hidden_act;

    /// Reads these keys and leaves others alone. A missing hidden_act is quick_gelu, as in
    /// transformers; another missing key or an unsupported value is an Error.
    static TransformerConfig from_json(const io::Json& json);
};

/// Self-attention between the tokens: heads of width d = D / heads, scores divided by sqrt(d).
/// Keys q_proj, k_proj, v_proj, out_proj, each with a bias. As in Mlp and TransformerLayer, an x
/// whose last axis is not D is an Error.
class SelfAttention {
public:
    SelfAttention(const nn::Params& weights, const TransformerConfig& config, AttentionMask mask);
    Tensor operator()(const Tensor& x) const;  // [N, S, D] -> [N, S, D]

private:
    std::string path_;
    std::int64_t heads_;
    bool causal_;
    nn::Linear q_, k_, v_, out_;
};

/// A two-layer perceptron (MLP), applied to each token alone: fc2(act(fc1(x))). Keys fc1, fc2.
class Mlp {
public:
    Mlp(const nn::Params& weights, const TransformerConfig& config);
    Tensor operator()(const Tensor& x) const;  // [N, S, D] -> [N, S, D]

private:
    std::string path_;
    Tensor (*activation_)(const Tensor&);
    nn::Linear fc1_, fc2_;
};

/// A pre-norm transformer layer: x = x + self_attn(layer_norm1(x)), then
/// x = x + mlp(layer_norm2(x)). Keys layer_norm1, self_attn, layer_norm2, mlp; the LayerNorms' eps
/// is 1e-5.
class TransformerLayer {
public:
    TransformerLayer(const nn::Params& weights, const TransformerConfig& config,
                     AttentionMask mask);
    Tensor operator()(const Tensor& x) const;  // [N, S, D] -> [N, S, D]

private:
    std::string path_;
    nn::LayerNorm norm1_;
    SelfAttention attention_;
    nn::LayerNorm norm2_;
    Mlp mlp_;
};

/// The layers one after the other. Keys layers.0, layers.1, …
class Transformer {
public:
    Transformer(const nn::Params& weights, const TransformerConfig& config, AttentionMask mask);

    /// [x, output of layer 1, ..., output of the last layer], num_hidden_layers + 1 tensors [N, S,
    /// D]. The tower's final LayerNorm is not applied.
    std::vector<Tensor> hidden_states(const Tensor& x) const;

private:
    std::vector<TransformerLayer> layers_;
};

}  // namespace ldm::clip
