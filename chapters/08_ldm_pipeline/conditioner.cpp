#include "chapters/08_ldm_pipeline/conditioner.h"

#include <fmt/format.h>

namespace ldm::pipeline {
namespace {

/// Prompts through a text tower to the context of cross-attention (FrozenCLIPEmbedder).
class PromptConditioner : public Conditioner {
public:
    PromptConditioner(const ModelSpec& spec, const nn::ModelSource& source)
        : encoder_(source.tokenizer(), source.weights() / "cond_stage_model" / "transformer",
                   spec.text_tower) {}

    unet::Conditioning operator()(const ConditioningInputs& inputs,
                                  std::vector<std::string>* cut) const override {
        return {.concat = {}, .crossattn = {encoder_(inputs.prompts, cut)}};
    }

private:
    clip::PromptEncoder encoder_;
};

}  // namespace

std::unique_ptr<Conditioner> make_conditioner(const ModelSpec& spec,
                                              const nn::ModelSource& source) {
    if (spec.conditioning == unet::DiffusionWrapper::Key::crossattn)
        return std::make_unique<PromptConditioner>(spec, source);
    throw Error(
        fmt::format("there is no conditioner for the key '{}' yet", name_of(spec.conditioning)));
}

}  // namespace ldm::pipeline
