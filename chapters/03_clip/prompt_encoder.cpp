#include "chapters/03_clip/prompt_encoder.h"

#include <utility>

#include "chapters/03_clip/token_ids.h"

namespace ldm::clip {

PromptEncoder::PromptEncoder(text::ClipTokenizer tokenizer, const nn::Params& weights,
                             const TextEncoder::Config& config)
    : tokenizer_(std::move(tokenizer)),
      length_(config.max_position_embeddings),
      encoder_(weights, config) {
    expect(tokenizer_.vocabulary_size() == config.vocab_size,
           "merges.txt and vocab_size of the configuration do not belong together");
    if (config.pad_token_id) tokenizer_.pad_with(*config.pad_token_id);
}

Tensor PromptEncoder::ids(const std::vector<std::string>& prompts,
                          std::vector<std::string>* cut) const {
    return token_ids(tokenizer_, prompts, length_, cut);
}

PromptEncoder load_prompt_encoder(const nn::ModelSource& model) {
    const auto cond_stage = io::get<io::Json>(model.config(), "cond_stage_config");
    return {model.tokenizer(), model.weights() / "cond_stage_model" / "transformer",
            TextEncoder::Config::from_json(io::get<io::Json>(cond_stage, "text_config"))};
}

}  // namespace ldm::clip
