#include "chapters/08_ldm_pipeline/drawing.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "chapters/08_ldm_pipeline/prompt/prompt_guidance.h"
#include "common/ops/cuda_graph_callable.h"
#include "common/ops/elementwise.h"
#include "common/ops/optimizer_step.h"
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

/// A weight that is no number makes all latents so, and the picture one grey without a word.
void expect_finite(const Tensor& z) {
    if (!ops::all_finite(z))
        throw Error(
            "the latents are not finite numbers any more: a weight of the model is infinite or not "
            "a "
            "number, so the file is damaged");
}

/// The x to begin with: noise alone, or z0 with as much noise as there is at the first stop.
Tensor first_x(const ddpm::Sampler& sampler, const Beginning& beginning, const Tensor& noise) {
    if (!beginning.z0) {
        const double scale = sampler.initial_noise();
        return scale == 1 ? noise : static_cast<float>(scale) * noise;
    }
    const float ac = sampler.stops().alpha_cumprod(beginning.first_step);
    return std::sqrt(ac) * beginning.z0 + std::sqrt(1 - ac) * noise;
}

}  // namespace

ddpm::Noise noise_of(const Txt2ImgRequest& request, Device device) {
    return request.rng == RandomStream::cpu
               ? noise_from<random::TorchGenerator>(request.seeds, device)
               : noise_from<random::PhiloxGenerator>(request.seeds, device);
}

//! [draw]
Txt2ImgResult draw(const LatentDiffusion& model, const Txt2ImgRequest& request,
                   const ddpm::Noise& noise, const Beginning& beginning,
                   const ddpm::Observer& observer) {
    expect_possible(request, model.spec());
    const auto n = std::ssize(request.prompts);
    Txt2ImgResult result;

    // What to draw, and what a picture of nothing in particular (or of something unwanted) is.
    const PromptPlan plan = plan_of(model, request);
    result.cut = plan.cut;
    const std::vector<PictureContexts> contexts =
        beginning.contexts.empty() ? model.contexts(plan) : beginning.contexts;
    const ConditionedModel unet =
        beginning.ask ? beginning.ask(model.conditioned_model()) : model.conditioned_model();
    int steps_done = beginning.first_step;
    ddpm::Denoiser denoiser = as_cuda_graph(
        PromptGuidance(unet, contexts, request.cfg_scale, beginning.guide), steps_done);
    if (beginning.change) denoiser = beginning.change(std::move(denoiser));

    // Somewhere to begin: nothing but noise, or a picture with some of it.
    const Shape latents = model.spec().latent_shape(n, request.width, request.height);
    result.noise = beginning.noise ? beginning.noise : noise(latents);  // [N, C, h, w]
    const auto sampler = sampler_of(request, model.schedule());
    const Tensor x = first_x(*sampler, beginning, result.noise);

    const ddpm::Observer remember = [&](const ddpm::SamplerStep& step) {
        ++steps_done;
        if (request.keep_steps) result.steps.push_back({step.x, step.pred_x0, step.t});
        return !observer || observer(step);
    };

    // Take the noise away, a little at a time.
    const ddpm::Known& known = beginning.known;
    Tensor z = sampler->sample(denoiser, x, noise, remember, known, beginning.first_step);
    if (known.mask) z = known.mask * known.x0 + (-known.mask + 1.0f) * z;
    expect_finite(z);
    // what it holds in memory makes room for the decoder
    denoiser = nullptr;

    result.latents = z;
    result.pictures = model.decode(z);  // [N, 3, H, W]
    return result;
}
//! [draw]

}  // namespace ldm::pipeline
