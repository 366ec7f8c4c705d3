#pragma once

#include "chapters/12_conditioners/x_transformer/transformer_wrapper.h"

namespace ldm::conditioners {

/// The text encoder of latent diffusion's text-to-image model (encoders/modules.py: BERTEmbedder;
/// without BERT's tokenizer it is TransformerEmbedder). It has BERT's words and not its weights: it
/// is trained together with the UNet, every token attends to every other, and the padding, which is
/// never masked, takes part. Its checkpoints
/// have a layer for logits, which is never used. tokens [N, S] int32 -> [N, S, n_embed]. Keys
/// transformer.….
class BERTEmbedder {
public:
    struct Config {
        /// width of a token
        int n_embed = 0;
        /// layers of attention, each with one of feed-forward; 8 heads of 64
        int n_layer = 0;
        /// that of bert-base-uncased
        int vocab_size = 30522;
        int max_seq_len = 77;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    BERTEmbedder(const nn::Params& weights, const Config& config);
    [[nodiscard]] Tensor operator()(const Tensor& tokens) const {
        return encode(token_embeddings(tokens));
    }

    /// The same in two steps: the tokens' vectors, and what the transformer makes of them.
    [[nodiscard]] Tensor token_embeddings(const Tensor& tokens) const {
        return transformer_.token_embeddings(tokens);
    }
    [[nodiscard]] Tensor encode(const Tensor& token_embeddings) const {
        return transformer_.encode({.token_embeddings = token_embeddings});
    }

private:
    TransformerWrapper transformer_;
};

}  // namespace ldm::conditioners
