#include "chapters/08_ldm_pipeline/txt2img.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "chapters/08_ldm_pipeline/prompt/prompt_guidance.h"
#include "chapters/08_ldm_pipeline/to_uint8.h"
#include "common/io/utf8.h"
#include "common/ops/cuda_graph_callable.h"
#include "common/ops/elementwise.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/random/philox.h"
#include "common/random/torch_random.h"

namespace ldm::pipeline {
namespace {

/// A stream of noise for each picture, so that none depends on its neighbours.
template <class Generator>
ddpm::Noise noise_from(const std::vector<std::uint64_t>& seeds, Device device) {
    auto streams = std::make_shared<std::vector<Generator>>(seeds.begin(), seeds.end());
    return [streams, device](const Shape& shape) {
        Tensor noise(shape);
        const auto each = static_cast<std::size_t>(noise.size()) / streams->size();
        for (std::size_t i = 0; i < streams->size(); ++i)
            (*streams)[i].normal(noise.values().subspan(i * each, each));
        return ops::to(noise, device);
    };
}

ddpm::Noise noise_of(const Txt2ImgRequest& request, Device device) {
    return request.rng == RandomStream::cpu
               ? noise_from<random::TorchGenerator>(request.seeds, device)
               : noise_from<random::PhiloxGenerator>(request.seeds, device);
}

/// The guided prediction of the step after `steps_done`. On a GPU a step is captured once as a CUDA
/// graph and then replayed: what changes from step to step is one of its arguments.
ddpm::Denoiser as_cuda_graph(PromptGuidance guidance, const int& steps_done) {
    const auto shared = std::make_shared<PromptGuidance>(std::move(guidance));
    if (!shared->changes()) {
        const auto step = std::make_shared<ops::CudaGraphCallable>(
            [shared, contexts = shared->contexts(0)](const std::vector<Tensor>& arguments) {
                return (*shared)(arguments[0], arguments[1], contexts);
            });
        return [step](const Tensor& x, const Tensor& t) { return (*step)({x, t}); };
    }
    const auto step =
        std::make_shared<ops::CudaGraphCallable>([shared](const std::vector<Tensor>& arguments) {
            return (*shared)(arguments[0], arguments[1], {arguments.begin() + 2, arguments.end()});
        });
    return [shared, step, &steps_done](const Tensor& x, const Tensor& t) {
        std::vector<Tensor> arguments = shared->contexts(steps_done);
        arguments.insert(arguments.begin(), {x, t});
        return (*step)(arguments);
    };
}

/// "v1-5-pruned" of models/v1-5-pruned.safetensors or of a folder, with or without a last slash.
std::string name_of_model(const std::filesystem::path& path) {
    return text::printable((path / "").parent_path().stem().string());
}

std::unique_ptr<ddpm::Sampler> sampler_of(const Txt2ImgRequest& request,
                                          const ddpm::Schedule& schedule) {
    return request.sampler.make(schedule, {.steps = request.steps,
                                           .eta = request.eta,
                                           .schedule = request.schedule,
                                           .seeds = request.seeds});
}

/// A weight that is no number makes all latents so, and the picture one grey without a word.
void expect_finite(const Tensor& z) {
    if (!ops::all_finite(z))
        throw Error(
            "the latents are not finite numbers any more: a weight of the model is infinite or not "
            "a "
            "number, so the file is damaged");
}

}  // namespace

Txt2ImgRequest preferred_request(const ModelSpec& spec, const std::string& sampler,
                                 const ddpm::SamplerList& known) {
    Txt2ImgRequest request;
    request.width = request.height = spec.image_size;
    request.sampler = find_sampler(known, sampler.empty() ? spec.sampler : sampler);
    if (request.sampler.name == spec.sampler) {
        request.steps = spec.steps;
        request.schedule = spec.sampler_schedule;
    }
    request.cfg_scale = spec.cfg_scale;
    return request;
}

void expect_possible(const Txt2ImgRequest& request, const ModelSpec& spec) {
    const auto n = std::ssize(request.prompts);
    if (n == 0) throw Error("there is no prompt to draw");
    if (n != std::ssize(request.seeds))
        throw Error(fmt::format("{} prompts and {} seeds: each picture needs one of both", n,
                                request.seeds.size()));
    // both throw for what the model or the sampler cannot do
    spec.latent_shape(n, request.width, request.height);
    sampler_of(request, spec.make_schedule());
}

PromptPlan plan_of(const LatentDiffusion& model, const Txt2ImgRequest& request) {
    return model.plan({.prompts = request.prompts,
                       .negative_prompt = request.negative_prompt,
                       .syntax = request.syntax,
                       .steps = step_count(request, model.spec()),
                       .embeddings = request.embeddings,
                       .clip_skip = request.clip_skip});
}

//! [txt2img]
Txt2ImgResult txt2img(const LatentDiffusion& model, const Txt2ImgRequest& request,
                      const ddpm::Observer& observer) {
    expect_possible(request, model.spec());
    const auto n = std::ssize(request.prompts);
    Txt2ImgResult result;

    // What to draw, and what a picture of nothing in particular (or of something unwanted) is.
    const PromptPlan plan = plan_of(model, request);
    result.cut = plan.cut;
    const std::vector<PictureContexts> contexts = model.contexts(plan);
    int steps_done = 0;
    ddpm::Denoiser denoiser = as_cuda_graph(
        PromptGuidance(model.conditioned_model(), contexts, request.cfg_scale), steps_done);

    // Somewhere to begin: nothing but noise.
    const ddpm::Noise noise = noise_of(request, model.device());
    result.noise =
        noise(model.spec().latent_shape(n, request.width, request.height));  // [N, C, h, w]
    const auto sampler = sampler_of(request, model.schedule());
    const Tensor x = sampler->initial_noise() == 1
                         ? result.noise
                         : static_cast<float>(sampler->initial_noise()) * result.noise;

    const ddpm::Observer remember = [&](const ddpm::SamplerStep& step) {
        ++steps_done;
        if (request.keep_steps) result.steps.push_back({step.x, step.pred_x0, step.t});
        return !observer || observer(step);
    };

    // Take the noise away, a little at a time.
    const Tensor z = sampler->sample(denoiser, x, noise, remember);
    expect_finite(z);
    // what it holds in memory makes room for the decoder
    denoiser = nullptr;

    result.pictures = model.decode(z);  // [N, 3, H, W]
    return result;
}
//! [txt2img]

int step_count(const Txt2ImgRequest& request, const ModelSpec& spec) {
    return sampler_of(request, spec.make_schedule())->steps();
}

image::Image to_uint8_image(const Tensor& pictures, std::int64_t index) {
    const Tensor picture = ops::to(ops::slice(pictures, 0, index, index + 1), Device::cpu);
    const Tensor bytes = to_uint8(picture);  // [1, H, W, 3]
    image::Image image(static_cast<int>(bytes.dim(2)), static_cast<int>(bytes.dim(1)));
    std::copy_n(bytes.ints(), bytes.size(), image.rgb.begin());
    return image;
}

std::string parameters_text(const LatentDiffusion& model, const Txt2ImgRequest& request,
                            std::size_t i) {
    std::string text = request.prompts[i] + "\n";
    if (!request.negative_prompt.empty())
        text += "Negative prompt: " + request.negative_prompt + "\n";
    text += fmt::format("Steps: {}, Sampler: {}, ", step_count(request, model.spec()),
                        request.sampler.label);
    if (!request.schedule_label.empty())
        text += fmt::format("Schedule type: {}, ", request.schedule_label);
    text += fmt::format("CFG scale: {:g}, Seed: {}, Size: {}x{}, Model: {}", request.cfg_scale,
                        request.seeds[i], request.width, request.height,
                        name_of_model(model.source().path()));
    if (request.clip_skip > 1) text += fmt::format(", Clip skip: {}", request.clip_skip);
    if (request.eta) text += fmt::format(", Eta: {:g}", *request.eta);
    if (request.rng == RandomStream::cuda) text += ", RNG: NV";
    const Device device = model.device();
    if (const ops::Precision precision = ops::precision(device); precision != ops::Precision::f32)
        text += ", Precision: " + ops::name_of(precision);
    return text;
}

}  // namespace ldm::pipeline
