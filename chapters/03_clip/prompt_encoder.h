#pragma once

#include <string>
#include <vector>

#include "chapters/03_clip/text_encoder.h"
#include "common/nn/model_source.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::clip {

/// Prompt to conditioning: the tokenizer and the text tower in front of a UNet's cross-attention.
/// (ldm's encoders/modules.py: FrozenCLIPEmbedder; keys cond_stage_model.transformer.text_model.)
class PromptEncoder {
public:
    /// `weights` is the prefix of text_model. Throws an Error if the vocabulary and the
    /// configuration do not belong together.
    PromptEncoder(text::ClipTokenizer tokenizer, const nn::Params& weights,
                  const TextEncoder::Config& config);

    /// Token ids, padded to the tower's full length S: [N, S] int32. Words that do not fit are cut;
    /// `cut`, if given, receives them for each prompt. Throws for invalid UTF-8.
    Tensor ids(const std::vector<std::string>& prompts,
               std::vector<std::string>* cut = nullptr) const;

    /// One vector for every token, padding included: [N, S, D].
    Tensor operator()(const std::vector<std::string>& prompts,
                      std::vector<std::string>* cut = nullptr) const {
        return encoder_(ids(prompts, cut));
    }

    const text::ClipTokenizer& tokenizer() const { return tokenizer_; }

private:
    text::ClipTokenizer tokenizer_;
    std::int64_t length_;
    TextEncoder encoder_;
};

/// That of a model folder: merges.txt, `cond_stage_config`, `cond_stage_model`. Throws an Error
/// that names what is missing.
PromptEncoder load_prompt_encoder(const nn::ModelSource& model);

}  // namespace ldm::clip
