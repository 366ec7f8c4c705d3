#pragma once

#include <optional>
#include <string>

#include "chapters/12_conditioners/x_transformer/attention_layers.h"

namespace ldm::conditioners {

/// Tokens through a transformer (x_transformer.py: TransformerWrapper): the vectors of the tokens
/// and of their positions, the layers, a last LayerNorm.
///
///     x   = token_emb[tokens] + pos_emb[0 … S - 1]
///     emb = norm(attn_layers(project_emb(x)))
///
/// Latent diffusion's text encoder is one. Keys token_emb.weight, pos_emb.emb.weight, project_emb
/// (if emb_dim is not dim), memory_tokens, attn_layers.…, norm, to_logits.
class TransformerWrapper {
public:
    TransformerWrapper(const nn::Params& weights, const TransformerConfig& config);

    /// token_emb[tokens]: int32 [N, S] -> [N, S, emb_dim]. Throws an Error for a token outside of
    /// the table.
    [[nodiscard]] Tensor token_embeddings(const Tensor& tokens) const { return token_emb_(tokens); }

    struct Input {
        /// [N, S, emb_dim]
        Tensor token_embeddings;
        /// int32 [N, S], 0: masked; empty: none is
        Tensor mask = {};
        /// of cross-attention, [N, M, dim] and int32 [N, M]
        Tensor context = {}, context_mask = {};
    };

    /// All but the first step: [N, S, dim]. Throws an Error for more than max_seq_len tokens.
    [[nodiscard]] Tensor encode(const Input& input) const;

    /// With makes_logits: embeddings [N, S, dim] -> for each place the scores of what may stand
    /// there, [N, S, num_tokens].
    [[nodiscard]] Tensor logits(const Tensor& emb) const;

private:
    std::string path_;
    TransformerConfig config_;
    nn::Embedding token_emb_;
    std::optional<nn::Embedding> pos_emb_;
    std::optional<nn::Linear> project_emb_, to_logits_;
    // [m, dim], or empty
    Tensor memory_tokens_;
    AttentionLayers layers_;
    nn::LayerNorm norm_;
    // with tie_embedding
    Tensor table_;
};

}  // namespace ldm::conditioners
