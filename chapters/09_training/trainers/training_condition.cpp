#include "chapters/09_training/trainers/training_condition.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ranges>

#include "chapters/03_clip/text_encoder.h"
#include "chapters/03_clip/token_ids.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

/// Captions through CLIP's text tower to the context of cross-attention. The data set drops
/// captions ("caption_dropout"), which then are empty.
class CaptionCondition : public TrainingCondition {
public:
    explicit CaptionCondition(const ConditionSources& from)
        : tokenizer_(from.model.tokenizer()),
          sizes_(clip::TextEncoder::Config::from_json(
              io::get<io::Json>(from.condition.params, "text_config"))),
          text_encoder_(from.weights / "transformer", sizes_),
          device_(from.device) {}

    Tensor prepare(const Batch& batch, random::TorchGenerator&) const override {
        return ids_of(batch.captions);  // [N, S] int32
    }

    Tensor unconditional(const Tensor& prepared) const override {
        return ids_of(std::vector<std::string>(static_cast<std::size_t>(prepared.dim(0))));
    }

    void add(const Tensor& prepared, unet::Conditioning& given) const override {
        given.crossattn.push_back(text_encoder_(prepared));  // [N, S, D]
    }

private:
    Tensor ids_of(const std::vector<std::string>& captions) const {
        return ops::to(clip::token_ids(tokenizer_, captions, sizes_.max_position_embeddings),
                       device_);
    }

    text::ClipTokenizer tokenizer_;
    clip::TextEncoder::Config sizes_;
    clip::TextEncoder text_encoder_;
    Device device_;
};

}  // namespace

ConditionKinds caption_condition() {
    return {{"caption", [](const ConditionSources& from) {
                 if (from.condition.target != "FrozenCLIPEmbedder")
                     throw Error(
                         fmt::format("captions are encoded by '{}', which cannot be "
                                     "trained with: only FrozenCLIPEmbedder can",
                                     from.condition.target));
                 return std::make_unique<const CaptionCondition>(from);
             }}};
}

const MakeCondition& find_condition(const ConditionKinds& kinds, const std::string& key) {
    const auto found = kinds.find(key);
    if (found == kinds.end())
        throw Error(fmt::format("'cond_stage_key' is '{}', expected one of: {}", key,
                                fmt::join(std::views::keys(kinds), ", ")));
    return found->second;
}

}  // namespace ldm::train
