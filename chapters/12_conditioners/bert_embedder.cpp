#include "chapters/12_conditioners/bert_embedder.h"

namespace ldm::conditioners {

BERTEmbedder::Config BERTEmbedder::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"n_embed", "n_layer", "vocab_size", "max_seq_len"}, "BERTEmbedder");
    // far beyond every model there is
    constexpr int widest = 1 << 16, deepest = 1 << 10, largest = 1 << 20;
    return {.n_embed = io::get_in(json, "n_embed", 1, widest),
            .n_layer = io::get_in(json, "n_layer", 0, deepest),
            .vocab_size = io::get_in_or(json, "vocab_size", 1, largest, 30522),
            .max_seq_len = io::get_in_or(json, "max_seq_len", 1, largest, 77)};
}

BERTEmbedder::BERTEmbedder(const nn::Params& weights, const Config& config)
    : transformer_(weights / "transformer",
                   {.num_tokens = config.vocab_size,
                    .max_seq_len = config.max_seq_len,
                    .attn_layers = {.dim = config.n_embed, .depth = config.n_layer},
                    .makes_logits = false}) {}

}  // namespace ldm::conditioners
