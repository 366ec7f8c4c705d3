#include "chapters/08_ldm_pipeline/conditioner.h"

#include <fmt/format.h>

namespace ldm::pipeline {
namespace {

/// Prompts through a text tower to the context of cross-attention (FrozenCLIPEmbedder).
class PromptConditioner : public Conditioner {
public:
    PromptConditioner(const ModelSpec& spec, const nn::ModelSource& source)
        : encoder_(source.weights() / "cond_stage_model" / "transformer", spec.text_tower.value()) {
    }

    std::vector<PictureContexts> operator()(const PromptPlan& plan) const override {
        return contexts_of(plan, encoder_);
    }

private:
    clip::TextEncoder encoder_;
};

}  // namespace

std::unique_ptr<Conditioner> make_conditioner(const ModelSpec& spec,
                                              const nn::ModelSource& source) {
    using Key = unet::DiffusionWrapper::Key;
    // the channels of hybrid are pictures, which need no conditioner
    if (spec.conditioning == Key::crossattn || spec.conditioning == Key::hybrid)
        return std::make_unique<PromptConditioner>(spec, source);
    throw Error(
        fmt::format("there is no conditioner for the key '{}' yet", name_of(spec.conditioning)));
}

}  // namespace ldm::pipeline
