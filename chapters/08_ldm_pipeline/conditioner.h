#pragma once

#include <memory>
#include <vector>

#include "chapters/08_ldm_pipeline/model_spec.h"
#include "chapters/08_ldm_pipeline/prompt/contexts.h"

namespace ldm::pipeline {

/// Encodes what the pictures should show as the conditioning that the UNet is given (Rombach et
/// al., 2022, section 3.3; upstream: LatentDiffusion.get_learned_conditioning).
class Conditioner {
public:
    virtual ~Conditioner() = default;

    /// For each picture of the plan its contexts [1, k S, context_dim], S the text encoder's
    /// length, in the type of the weights. Throws an Error as with_weights() does.
    [[nodiscard]] virtual std::vector<PictureContexts> operator()(const PromptPlan& plan) const = 0;
};

/// The conditioner that a model's spec asks for, with its weights: one of the text encoders in
/// `kinds`. Throws an Error for a kind that is not among them.
[[nodiscard]] std::unique_ptr<Conditioner> make_conditioner(const ModelSpec& spec,
                                                            const nn::ModelSource& source,
                                                            const TextTowerKinds& kinds);

}  // namespace ldm::pipeline
