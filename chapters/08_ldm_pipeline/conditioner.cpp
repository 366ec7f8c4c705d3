#include "chapters/08_ldm_pipeline/conditioner.h"

namespace ldm::pipeline {
namespace {

/// Prompts through a text tower to the context of cross-attention (FrozenCLIPEmbedder,
/// BERTEmbedder).
class PromptConditioner : public Conditioner {
public:
    explicit PromptConditioner(std::unique_ptr<const PromptEncoder> encoder)
        : encoder_(std::move(encoder)) {}

    std::vector<PictureContexts> operator()(const PromptPlan& plan) const override {
        return contexts_of(plan, *encoder_);
    }

private:
    std::unique_ptr<const PromptEncoder> encoder_;
};

}  // namespace

std::unique_ptr<Conditioner> make_conditioner(const ModelSpec& spec, const nn::ModelSource& source,
                                              const TextTowerKinds& kinds) {
    const TextTower& tower = spec.text_tower.value();
    return std::make_unique<PromptConditioner>(
        find_kind(kinds, tower.kind).make_encoder(source.weights() / "cond_stage_model", tower));
}

}  // namespace ldm::pipeline
