#include "chapters/12_conditioners/text_towers.h"

#include <fmt/format.h>

#include "chapters/12_conditioners/bert_embedder.h"
#include "common/io/data_path.h"
#include "common/text/bert_tokenizer.h"

namespace ldm::conditioners {
namespace {

namespace fs = std::filesystem;
using pipeline::TextTower;

class BERTPromptEncoder : public pipeline::PromptEncoder {
public:
    BERTPromptEncoder(const nn::Params& weights, const BERTEmbedder::Config& config)
        : embedder_(weights, config) {}

    Tensor token_embeddings(const Tensor& ids) const override {
        return embedder_.token_embeddings(ids);
    }
    Tensor encode(const Tensor& token_embeddings, int skipped) const override {
        expect(skipped == 0, "a BERTEmbedder gives its last layer's output");
        return embedder_.encode(token_embeddings);
    }

private:
    BERTEmbedder embedder_;
};

std::unique_ptr<const text::Tokenizer> bert_tokenizer(const nn::ModelSource& source,
                                                      const TextTower& tower) {
    const fs::path own = source.path() / "vocab.txt";
    const fs::path vocabulary =
        fs::exists(own) ? own : io::data_path("bert_wordpiece") / "vocab.txt";
    auto tokenizer =
        std::make_unique<const text::BertTokenizer>(text::BertTokenizer::from_file(vocabulary));
    if (tokenizer->vocabulary_size() != tower.vocab_size)
        throw Error(fmt::format("{} has {} tokens, the text encoder {}", vocabulary.string(),
                                tokenizer->vocabulary_size(), tower.vocab_size));
    return tokenizer;
}

}  // namespace

pipeline::TextTowerKinds all_text_towers() {
    pipeline::TextTowerKinds kinds = pipeline::clip_text_tower();
    kinds["BERTEmbedder"] = {.make_tokenizer = bert_tokenizer,
                             .make_encoder = [](const nn::Params& weights, const TextTower& tower) {
                                 return std::make_unique<const BERTPromptEncoder>(
                                     weights, BERTEmbedder::Config::from_json(tower.settings));
                             }};
    return kinds;
}

}  // namespace ldm::conditioners
