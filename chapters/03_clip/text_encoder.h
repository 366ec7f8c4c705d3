#pragma once

#include <optional>

#include "chapters/03_clip/transformer.h"

namespace ldm::clip {

/// CLIP's text tower, which gives Stable Diffusion its conditioning.
///
///     h = token_embedding[ids] + position_embedding,   h = layers(h),   y = final_layer_norm(h)
///
/// A causal mask lets a token attend to itself and to what stands before it. Padding is not masked:
/// Stable Diffusion was trained with the padding in view, so it is part of the prompt.
/// From transformers' CLIPTextModel, as FrozenCLIPEmbedder of the original uses it; keys
/// text_model.embeddings, text_model.encoder.layers, text_model.final_layer_norm.
class TextEncoder {
public:
    struct Config {
        std::int64_t vocab_size;
        std::int64_t max_position_embeddings;
        std::int32_t eos_token_id;
        /// with which its tokenizer pads; absent: with the end token
        std::optional<std::int32_t> pad_token_id = {};
        TransformerConfig transformer;

        /// Throws an Error that names an unknown key or an unsupported value.
        static Config from_json(const io::Json& json);
    };

    /// `weights` is the prefix of text_model.
    TextEncoder(const nn::Params& weights, const Config& config);

    /// ids [N, S] int32 -> last_hidden_state [N, S, D]. Throws an Error for an S above
    /// max_position_embeddings.
    Tensor operator()(const Tensor& ids) const;

    /// What goes into the first layer and comes out of every layer, before the final norm:
    /// num_hidden_layers + 1 tensors [N, S, D].
    std::vector<Tensor> hidden_states(const Tensor& ids) const;

    /// token_embedding[ids], without positions: [N, S] int32 -> [N, S, D]. Learned words take the
    /// place of some of them (chapter 08).
    [[nodiscard]] Tensor token_embeddings(const Tensor& ids) const;

    /// Token embeddings [N, S, D] -> final_layer_norm of what comes out of the last layer but
    /// `skipped`, [N, S, D]; 0: last_hidden_state. "Clip skip" n of A1111 and others skips n - 1.
    /// Throws an Error for an S above max_position_embeddings, or with no such layer.
    [[nodiscard]] Tensor encode(const Tensor& token_embeddings, int skipped = 0) const;

    /// last_hidden_state at each text's first end token, the only one that attends to the whole
    /// text: [N, S, D] -> [N, D].
    Tensor pool(const Tensor& last_hidden_state, const Tensor& ids) const;

private:
    void expect_readable(std::int64_t length) const;
    std::vector<Tensor> layers(const Tensor& token_embeddings) const;
    std::int64_t end_of_text(const std::int32_t* ids, std::int64_t length) const;

    std::string path_;
    std::int64_t max_length_;
    std::int32_t end_token_;
    nn::Embedding token_embedding_, position_embedding_;
    Transformer encoder_;
    nn::LayerNorm final_norm_;
};

}  // namespace ldm::clip
