#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/drawing.h"
#include "chapters/12_conditioners/classifier/noisy_latent_classifier.h"
#include "chapters/12_conditioners/retrieval/retrieval_index.h"
#include "common/image/image.h"

/// What conditions pictures other than a text encoder: a class, a picture, the neighbours that an
/// index finds, a classifier's gradient. Each condition of a model's list becomes the part of the
/// UNet's input that it is (upstream: get_learned_conditioning of ldm/models/diffusion/ddpm.py for
/// class_label, scripts/knn2img.py for vectors of CLIP).

namespace ldm::conditioners {

struct ConditioningInputs {
    /// the name or the number of a class; empty: none
    std::string class_label = {};
    /// in the prompt's place, by CLIP's image tower
    std::optional<image::Image> picture = {};
    /// a semantic map, for models that take one
    std::optional<image::Image> segmentation = {};
    /// whose pictures near the prompt or the picture come after it; none
    std::shared_ptr<const RetrievalIndex> index = {};
    /// how many of them
    int neighbours = 0;
    /// guides the sampler to `classifier_label`, a name or number of its own classes; none
    std::shared_ptr<const NoisyLatentClassifier> classifier = {};
    std::string classifier_label = {};
    float classifier_scale = 1.0f;
};

/// Throws an Error in one sentence for what a model of that spec does not take, for a class that
/// there is not, and as pipeline::expect_possible(); no weight is read.
void expect_possible(const pipeline::Txt2ImgRequest& request, const ConditioningInputs& inputs,
                     const pipeline::ModelSpec& spec);

/// What the UNet is given for the pictures of a request by a model without a text encoder, by the
/// conditions of its list: a class token [1, 1, D] or label [1], then vectors of CLIP [1, M, D],
/// which are those of the prompt, or of the picture, and then those of its neighbours. Their place
/// in the negative, and that of what is left out, is taken by what the model was trained with
/// there: the last class, zeros.
[[nodiscard]] std::vector<pipeline::PictureContexts> contexts_of(
    const pipeline::LatentDiffusion& model, const pipeline::Txt2ImgRequest& request,
    const ConditioningInputs& inputs);

/// Draws the pictures of a request with these inputs.
[[nodiscard]] pipeline::Txt2ImgResult draw(const pipeline::LatentDiffusion& model,
                                           const pipeline::Txt2ImgRequest& request,
                                           const ConditioningInputs& inputs,
                                           const ddpm::Observer& observer = {});

}  // namespace ldm::conditioners
