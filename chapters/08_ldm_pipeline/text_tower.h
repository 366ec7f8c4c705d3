#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "chapters/08_ldm_pipeline/condition.h"
#include "common/nn/model_source.h"
#include "common/text/tokenizer.h"

/// Text encoders as a pipeline sees them. CLIP's is one kind of several; chapter 12 adds latent
/// diffusion's.

namespace ldm::pipeline {

/// What a model's text encoder is, read from its "cond_stage_config".
struct TextTower {
    /// upstream's class: FrozenCLIPEmbedder, BERTEmbedder
    std::string kind;
    /// S, the tokens that it reads at once
    std::int64_t length = 0;
    /// D, the width of a token
    std::int64_t width = 0;
    int vocab_size = 0;
    /// of how many layers the output may be taken, counted from the last (clip skip)
    int layers = 1;
    /// with which its tokenizer pads; absent: as the tokenizer does
    std::optional<std::int32_t> pad_token_id = {};
    /// CLIP's text_config, or the class's params
    io::Json settings = {};

    /// Of what encodes captions. Throws an Error that names a key or value that is missing or not
    /// supported.
    static TextTower from_json(const Condition& condition);
};

/// A text encoder with its weights.
class PromptEncoder {
public:
    virtual ~PromptEncoder() = default;

    /// The vectors of tokens, without positions: [N, S] int32 -> [N, S, D]. Learned words take the
    /// place of some of them.
    [[nodiscard]] virtual Tensor token_embeddings(const Tensor& ids) const = 0;

    /// [N, S, D] -> the UNet's context [N, S, D], of the last layer but `skipped`.
    [[nodiscard]] virtual Tensor encode(const Tensor& token_embeddings, int skipped) const = 0;
};

/// How encoders of a kind are made.
struct TextTowerKind {
    /// Throws an Error where the vocabulary cannot be read.
    std::function<std::unique_ptr<const text::Tokenizer>(const nn::ModelSource& source,
                                                         const TextTower& tower)>
        make_tokenizer;
    /// `weights` is the prefix cond_stage_model.
    std::function<std::unique_ptr<const PromptEncoder>(const nn::Params& weights,
                                                       const TextTower& tower)>
        make_encoder;
};

/// The kinds that a program knows, by upstream's classes.
using TextTowerKinds = std::map<std::string, TextTowerKind>;

/// CLIP's, FrozenCLIPEmbedder.
[[nodiscard]] TextTowerKinds clip_text_tower();

/// CLIP's text encoder; `weights` is the prefix of text_model.
[[nodiscard]] std::unique_ptr<const PromptEncoder> make_clip_encoder(const nn::Params& weights,
                                                                     const TextTower& tower);

/// kinds.at(kind). Throws an Error for one that is not among them.
[[nodiscard]] const TextTowerKind& find_kind(const TextTowerKinds& kinds, const std::string& kind);

}  // namespace ldm::pipeline
