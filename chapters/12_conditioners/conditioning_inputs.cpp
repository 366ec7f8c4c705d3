#include "chapters/12_conditioners/conditioning_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/11_editing/further_channels.h"
#include "chapters/12_conditioners/class_embedder.h"
#include "chapters/12_conditioners/classifier/classifier_guidance.h"
#include "chapters/12_conditioners/segmentation.h"
#include "chapters/12_conditioners/spatial_rescaler.h"
#include "common/error.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

using pipeline::ContextSchedule;
using pipeline::LatentDiffusion;
using pipeline::ModelSpec;
using pipeline::PictureContexts;
using pipeline::Txt2ImgRequest;

/// How many classes a model knows, the one that stands for none included.
int class_count(const ModelSpec& spec) {
    const pipeline::Condition& condition = *spec.find_condition("class_label");
    constexpr int most = 1 << 20;
    return condition.target.empty() ? spec.unet.num_classes.value_or(0)
                                    : io::get_in(condition.params, "n_classes", 1, most);
}

/// Always the same.
ContextSchedule constant(const Tensor& context) {
    return {.entries = {{.until = std::numeric_limits<int>::max(), .text = 0}},
            .contexts = {context}};
}

/// Both sides of guidance, of the same shape.
struct Pair {
    Tensor cond, uncond;
};

/// A class as a token, or as the label itself.
Pair class_of(const LatentDiffusion& model, const std::string& label) {
    const ModelSpec& spec = model.spec();
    const int count = class_count(spec), none = count - 1;
    const int number = label.empty() ? none : class_number(label, spec.class_names, count);
    const auto label_of = [&](std::int32_t n) {
        return ops::to(Tensor::ints({1}, {&n, 1}), model.device());
    };
    const pipeline::Condition& condition = *spec.find_condition("class_label");
    if (condition.target.empty()) return {label_of(number), label_of(none)};
    const ClassEmbedder embedder(model.source().weights("cond_stage_model"), count,
                                 *spec.unet.context_dim);
    model.source().check();
    return {embedder(label_of(number)), embedder(label_of(none))};
}

/// The semantic map as the UNet sees it beside its latents, [1, c, h, w].
Tensor rescaled(const LatentDiffusion& model, const Txt2ImgRequest& request,
                const image::Image& map) {
    const auto config =
        SpatialRescaler::Config::from_json(model.spec().find_condition("segmentation")->params);
    const SpatialRescaler rescaler(model.source().weights("cond_stage_model"), config);
    model.source().check();
    const Tensor channels = segmentation_channels(
        image::resize(map, request.width, request.height, image::Filter::nearest),
        config.in_channels);
    const Tensor small = ops::to(rescaler(ops::to(ops::to(channels, model.device()),
                                                  model.source().checkpoint().place().dtype)),
                                 DType::f32);
    const Shape latent = model.spec().latent_shape(1, request.width, request.height);
    if (small.dim(2) != latent[2] || small.dim(3) != latent[3] ||
        small.dim(1) != model.spec().unet.in_channels - latent[1])
        throw Error(
            fmt::format("the model's SpatialRescaler makes {} of a semantic map, which does "
                        "not fit beside latents of {}",
                        to_string(small.shape()), to_string(latent)));
    return small;
}

/// Vectors of CLIP for a prompt; zeros for an empty one.
Tensor clip_tokens(const clip::FeatureExtractor& clip, const std::string& prompt,
                   const ConditioningInputs& inputs) {
    Tensor query;  // [1, D]
    if (inputs.picture)
        query = ops::normalize(clip.image_features({*inputs.picture}));
    else if (!prompt.empty())
        query = ops::normalize(clip.text_features({prompt}));
    else
        return Tensor::full({1, 1, clip.width()}, 0.0f);
    const Tensor first = query.reshape({1, 1, query.dim(1)});
    if (!inputs.index) return first;
    // [1, 1 + K, D]
    return ops::concat({first, inputs.index->search(query, inputs.neighbours).embeddings}, 1);
}

}  // namespace

void expect_possible(const Txt2ImgRequest& request, const ConditioningInputs& inputs,
                     const ModelSpec& spec) {
    const bool has_classes = spec.find_condition("class_label") != nullptr,
               has_vectors = spec.find_condition("clip_embedding") != nullptr;
    if (!inputs.class_label.empty() && !has_classes && !inputs.classifier)
        throw Error(
            "this model is told no class: leave out --class, or name a classifier with "
            "--classifier");
    if (!inputs.class_label.empty() && has_classes)
        (void)class_number(inputs.class_label, spec.class_names, class_count(spec));
    if (inputs.picture && !has_vectors)
        throw Error(
            "this model cannot be told a picture: --like is for models that take vectors "
            "of CLIP");
    const bool takes_map = spec.concat_input() == pipeline::ConcatInput::segmentation;
    if (inputs.segmentation && !takes_map)
        throw Error("this model takes no semantic map: leave out --segmentation");
    if (!inputs.segmentation) pipeline::expect_draws_from_noise(spec);
    if (inputs.index && !has_vectors)
        throw Error(
            "this model cannot be told neighbours: --index is for models that take vectors of "
            "CLIP");
    const bool has_prompt =
        std::ranges::any_of(request.prompts, [](const auto& prompt) { return !prompt.empty(); });
    if (inputs.picture && has_prompt)
        throw Error("--like takes the prompt's place: leave out one of both");
    if (inputs.index && !inputs.picture && !has_prompt)
        throw Error("--index finds what is near a prompt or --like: give one of both");
    if (inputs.classifier) {
        if (inputs.classifier_label.empty())
            throw Error("--classifier guides to a class: name it with --class");
        (void)class_number(inputs.classifier_label, inputs.classifier->class_names(),
                           static_cast<int>(inputs.classifier->class_names().size()));
        inputs.classifier->expect_fitting(spec);
    }
    pipeline::expect_possible(request, spec);
}

std::vector<PictureContexts> contexts_of(const LatentDiffusion& model,
                                         const Txt2ImgRequest& request,
                                         const ConditioningInputs& inputs) {
    const ModelSpec& spec = model.spec();
    const DType dtype = model.source().checkpoint().place().dtype;
    std::optional<Pair> of_class;
    std::optional<clip::FeatureExtractor> clip;
    if (spec.find_condition("class_label")) of_class = class_of(model, inputs.class_label);
    if (spec.find_condition("clip_embedding")) clip.emplace(model.source().path());
    if (inputs.index) inputs.index->expect_made_by(clip_identity(model.source().path()));
    std::vector<PictureContexts> all;
    for (const std::string& prompt : request.prompts) {
        std::vector<Tensor> parts, none;
        if (of_class) {
            parts.push_back(of_class->cond);
            none.push_back(of_class->uncond);
        }
        if (clip) {
            parts.push_back(
                ops::to(ops::to(clip_tokens(*clip, prompt, inputs), model.device()), dtype));
            none.push_back(0.0f * parts.back());
        }
        if (parts.empty()) {
            all.emplace_back();
            continue;
        }
        const auto joined = [](const std::vector<Tensor>& tokens) {
            return constant(tokens.size() == 1 ? tokens[0] : ops::concat(tokens, 1));
        };
        all.push_back({.parts = {{.contexts = joined(parts)}}, .negative = joined(none)});
    }
    return all;
}

//! [draw]
pipeline::Txt2ImgResult draw(const LatentDiffusion& model, const Txt2ImgRequest& request,
                             const ConditioningInputs& inputs, const ddpm::Observer& observer) {
    expect_possible(request, inputs, model.spec());
    pipeline::Beginning beginning;
    if (!model.spec().text_tower) beginning.contexts = contexts_of(model, request, inputs);
    if (inputs.segmentation)
        beginning.ask = [map = rescaled(model, request, *inputs.segmentation)](
                            const pipeline::ConditionedModel& unet) {
            return editing::with_channels(unet, map);
        };
    if (inputs.classifier) {
        const auto& names = inputs.classifier->class_names();
        const std::vector<std::int32_t> labels(
            request.prompts.size(),
            class_number(inputs.classifier_label, names, static_cast<int>(names.size())));
        beginning.change = classifier_guidance(
            [classifier = inputs.classifier](const Tensor& x, const Tensor& t) {
                return (*classifier)(x, t);
            },
            model.schedule(), ops::to(Tensor::ints({std::ssize(labels)}, labels), model.device()),
            inputs.classifier_scale);
    }
    return pipeline::draw(model, request, noise_of(request, model.device()), beginning, observer);
}
//! [draw]

}  // namespace ldm::conditioners
