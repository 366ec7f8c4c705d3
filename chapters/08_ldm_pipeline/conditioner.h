#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/07_unet/conditioning.h"
#include "chapters/08_ldm_pipeline/model_spec.h"

namespace ldm::pipeline {

/// What a person says that the pictures should be of: one entry for each picture. Other kinds of
/// conditioner will take classes, pictures and masks.
struct ConditioningInputs {
    std::vector<std::string> prompts;
};

/// From what a person says to what the UNet is given (upstream: get_learned_conditioning).
class Conditioner {
public:
    virtual ~Conditioner() = default;

    /// The part of the inputs that it takes, encoded. `cut`, if given, receives for each prompt the
    /// words that were too many. Throws an Error for inputs that it cannot take.
    [[nodiscard]] virtual unet::Conditioning operator()(const ConditioningInputs& inputs,
                                                        std::vector<std::string>* cut) const = 0;
};

/// The conditioner that a model's spec asks for, with its weights.
[[nodiscard]] std::unique_ptr<Conditioner> make_conditioner(const ModelSpec& spec,
                                                            const nn::ModelSource& source);

}  // namespace ldm::pipeline
