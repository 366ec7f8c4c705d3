#include "chapters/08_ldm_pipeline/text_tower.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/03_clip/text_encoder.h"

namespace ldm::pipeline {
namespace {

constexpr const char *clip_class = "FrozenCLIPEmbedder", *bert_class = "BERTEmbedder";

TextTower clip_tower(const io::Json& text_config) {
    const auto config = clip::TextEncoder::Config::from_json(text_config);
    return {.kind = clip_class,
            .length = config.max_position_embeddings,
            .width = config.transformer.hidden_size,
            .vocab_size = static_cast<int>(config.vocab_size),
            .layers = std::max(config.transformer.num_hidden_layers, 1),
            .pad_token_id = config.pad_token_id,
            .settings = text_config};
}

TextTower bert_tower(const io::Json& params) {
    // far beyond every model there is
    constexpr int widest = 1 << 16, longest = 1 << 20;
    return {.kind = bert_class,
            .length = io::get_in_or(params, "max_seq_len", 1, longest, 77),
            .width = io::get_in(params, "n_embed", 1, widest),
            .vocab_size = io::get_in_or(params, "vocab_size", 1, longest, 30522),
            .settings = params};
}

class ClipPromptEncoder : public PromptEncoder {
public:
    ClipPromptEncoder(const nn::Params& weights, const TextTower& tower)
        : encoder_(weights, clip::TextEncoder::Config::from_json(tower.settings)) {}

    Tensor token_embeddings(const Tensor& ids) const override {
        return encoder_.token_embeddings(ids);
    }
    Tensor encode(const Tensor& token_embeddings, int skipped) const override {
        return encoder_.encode(token_embeddings, skipped);
    }

private:
    clip::TextEncoder encoder_;
};

std::unique_ptr<const text::Tokenizer> clip_tokenizer(const nn::ModelSource& source,
                                                      const TextTower& tower) {
    auto tokenizer = std::make_unique<text::ClipTokenizer>(source.tokenizer());
    expect(tokenizer->vocabulary_size() == tower.vocab_size,
           "merges.txt and vocab_size of the configuration do not belong together");
    if (tower.pad_token_id) tokenizer->pad_with(*tower.pad_token_id);
    return tokenizer;
}

}  // namespace

TextTower TextTower::from_json(const Condition& condition) {
    if (condition.target == clip_class)
        return clip_tower(io::get<io::Json>(condition.params, "text_config"));
    if (condition.target == bert_class) return bert_tower(condition.params);
    throw Error(fmt::format("cond_stage_config: a caption is encoded by '{}', expected {} or {}",
                            condition.target, clip_class, bert_class));
}

TextTowerKinds clip_text_tower() {
    return {{clip_class,
             {.make_tokenizer = clip_tokenizer,
              .make_encoder = [](const nn::Params& weights, const TextTower& tower) {
                  return make_clip_encoder(weights / "transformer", tower);
              }}}};
}

std::unique_ptr<const PromptEncoder> make_clip_encoder(const nn::Params& weights,
                                                       const TextTower& tower) {
    return std::make_unique<const ClipPromptEncoder>(weights, tower);
}

const TextTowerKind& find_kind(const TextTowerKinds& kinds, const std::string& kind) {
    const auto found = kinds.find(kind);
    if (found == kinds.end())
        throw Error(
            fmt::format("its text encoder is a {}, which this program does not know", kind));
    return found->second;
}

}  // namespace ldm::pipeline
