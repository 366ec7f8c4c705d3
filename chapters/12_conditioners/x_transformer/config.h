#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/io/json.h"

namespace ldm::conditioners {

/// What normalizes a vector x of width D, with a learned g:
///
///     layer     LayerNorm (Ba et al., 2016)
///     scale     g x / (|x| / sqrt(D)), g one number (Nguyen and Salazar, 2019, "Transformers
///               without tears")
///     rms       the same with a g for each number (Zhang and Sennrich, 2019)
///     rezero    nothing is normalized; instead, what attention adds is multiplied by g, which is 0
///               at first (Bachlechner et al., 2020)
enum class Norm { layer, scale, rms, rezero };

/// The arguments of upstream's AttentionLayers under their names (x_transformer.py). What each adds
/// to the transformer of Vaswani et al., 2017, stands where it is computed.
struct AttentionLayersConfig {
    /// D, width of a token
    int dim = 0;
    /// how many times the block of layers comes
    int depth = 0;
    int heads = 8;
    /// width of a head
    int dim_head = 64;
    /// a token attends to itself and those before it only
    bool causal = false;
    /// layers that attend to a context; besides self-attention, or in its place
    bool cross_attend = false, only_cross = false;
    /// the order of the layers: see layer_types()
    std::optional<int> sandwich_coef = {}, par_ratio = {};

    Norm norm = Norm::layer;
    /// normalize what goes into a layer, else what comes out
    bool pre_norm = true;
    /// a GRU cell in place of the sum of residual and skip connection
    bool gate_residual = false;
    /// scores are added to those of the next layer of self-attention, of cross-attention
    bool residual_attn = false, cross_residual_attn = false;
    /// sinusoids are added to what queries and keys are made of, in place of learned positions
    bool position_infused_attn = false;

    /// learned keys and values of each layer
    int num_mem_kv = 0;
    bool talking_heads = false;
    /// each query attends to the keys with so many largest scores; absent: to all
    std::optional<int> sparse_topk = {};
    bool on_attn = false;

    /// inner width of the feed-forward layers over dim; GEGLU instead of GELU
    int ff_mult = 4;
    bool ff_glu = false;

    /// Throws an Error that names a key or value that is not supported.
    static AttentionLayersConfig from_json(const io::Json& attn_layers);
};

/// What a layer is.
enum class LayerType : char { attention = 'a', cross_attention = 'c', feed_forward = 'f' };

/// The layers one after the other. By default `depth` times attention, [cross-attention,]
/// feed-forward. sandwich_coef puts that many layers of attention first and as many feed-forward
/// ones last (Press et al., 2020); par_ratio has several layers of feed-forward after one of
/// attention (Mandava et al., 2020, "Pay attention when required"). Throws an Error for a
/// sandwich_coef or par_ratio that leaves no such order.
[[nodiscard]] std::vector<LayerType> layer_types(const AttentionLayersConfig& config);

/// The arguments of TransformerWrapper.
struct TransformerConfig {
    int num_tokens = 0;
    int max_seq_len = 0;
    AttentionLayersConfig attn_layers;
    /// width of the table of tokens; attn_layers.dim unless given
    std::optional<int> emb_dim = {};
    /// learned vectors before the tokens
    int num_memory_tokens = 0;
    /// the table of tokens makes the logits, too
    bool tie_embedding = false;
    bool use_pos_emb = true;
    /// whether logits() will be called; else its weights are not read
    bool makes_logits = true;

    /// Throws an Error that names a key or value that is not supported.
    static TransformerConfig from_json(const io::Json& json);
};

}  // namespace ldm::conditioners
