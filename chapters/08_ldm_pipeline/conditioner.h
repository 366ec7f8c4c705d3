#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/07_unet/conditioning.h"
#include "chapters/08_ldm_pipeline/model_spec.h"

namespace ldm::pipeline {

/// What the pictures should show, one prompt for each of N pictures. Other kinds of conditioner
/// will take classes, pictures and masks.
struct ConditioningInputs {
    std::vector<std::string> prompts;
};

/// Encodes the inputs as the conditioning that the UNet is given (Rombach et al., 2022,
/// section 3.3; upstream: LatentDiffusion.get_learned_conditioning).
class Conditioner {
public:
    virtual ~Conditioner() = default;

    /// Of prompts crossattn [N, M, context_dim], M the text encoder's length, in the type of the
    /// weights. `cut`, if given, receives for each prompt the text beyond that length, empty if all
    /// fits. Throws an Error for invalid UTF-8.
    [[nodiscard]] virtual unet::Conditioning operator()(const ConditioningInputs& inputs,
                                                        std::vector<std::string>* cut) const = 0;
};

/// The conditioner that a model's spec asks for, with its weights. For the key crossattn that is
/// the tokenizer and CLIP's text encoder (upstream: FrozenCLIPEmbedder); throws an Error for other
/// keys.
[[nodiscard]] std::unique_ptr<Conditioner> make_conditioner(const ModelSpec& spec,
                                                            const nn::ModelSource& source);

}  // namespace ldm::pipeline
