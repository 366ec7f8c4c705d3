#include "chapters/08_ldm_pipeline/txt2img.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "chapters/01_ddpm/reverse_process.h"
#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/to_uint8.h"
#include "common/ops/cuda_graph_callable.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/random/torch_random.h"

namespace ldm::pipeline {
namespace {

/// A stream of noise for each picture, so that none depends on its neighbours.
ddpm::Noise noise_from(const std::vector<std::uint64_t>& seeds, Device device) {
    auto streams =
        std::make_shared<std::vector<random::TorchGenerator>>(seeds.begin(), seeds.end());
    return [streams, device](const Shape& shape) {
        Tensor noise(shape);
        const auto each = static_cast<std::size_t>(noise.size()) / streams->size();
        for (std::size_t i = 0; i < streams->size(); ++i)
            (*streams)[i].normal(noise.values().subspan(i * each, each));
        return ops::to(noise, device);
    };
}

/// The same, and on a GPU a step is captured once as a CUDA graph and then replayed.
ddpm::Denoiser as_cuda_graph(ddpm::Denoiser denoiser) {
    auto step = std::make_shared<ops::CudaGraphCallable>(
        [denoiser = std::move(denoiser)](const std::vector<Tensor>& arguments) {
            return denoiser(arguments[0], arguments[1]);
        });
    return [step](const Tensor& x, const Tensor& t) { return (*step)({x, t}); };
}

bool is_ancestral(const Txt2ImgRequest& request) {
    if (request.sampler != "ddim" && request.sampler != "ddpm")
        throw Error(fmt::format("unknown sampler '{}': there are ddim and ddpm", request.sampler));
    return request.sampler == "ddpm";
}

}  // namespace

//! [txt2img]
Txt2ImgResult txt2img(const LatentDiffusion& model, const Txt2ImgRequest& request,
                      const ddpm::Observer& observer) {
    const auto n = static_cast<std::int64_t>(request.prompts.size());
    Txt2ImgResult result;

    // What to draw, and what a drawing of nothing in particular (or of something unwanted) would
    // be.
    const Tensor cond = model.encode_prompts(request.prompts, &result.cut);  // [N, S, D]
    const Tensor uncond =
        ops::broadcast_to(model.encode_prompts({request.negative_prompt}), cond.shape());
    ddpm::Denoiser denoiser =
        as_cuda_graph(with_guidance(std::cref(model), cond, uncond, request.cfg_scale));

    // Somewhere to begin: nothing but noise.
    const ddpm::Noise noise = noise_from(request.seeds, model.device());
    result.noise = noise(model.latent_shape(n, request.width, request.height));  // [N, C, h, w]

    const ddpm::Observer remember = [&](const ddpm::SamplerStep& step) {
        if (request.keep_steps) result.steps.push_back({step.x, step.pred_x0, step.t});
        return !observer || observer(step);
    };

    // Take the noise away, a little at a time.
    Tensor z;
    if (is_ancestral(request))
        z = ddpm::p_sample_loop(model.schedule(), denoiser, result.noise, noise,
                                {.clip_denoised = false}, remember);
    else
        z = DDIMSampler(model.schedule(), {.S = request.steps, .eta = request.eta})
                .sample(denoiser, result.noise, noise, remember);
    // what it kept in memory makes room for the decoder
    denoiser = nullptr;

    result.pictures = model.decode(z);  // [N, 3, H, W]
    return result;
}
//! [txt2img]

int step_count(const LatentDiffusion& model, const Txt2ImgRequest& request) {
    if (is_ancestral(request)) return model.schedule().timesteps();
    return static_cast<int>(
        DDIMSampler(model.schedule(), {.S = request.steps, .eta = request.eta}).timesteps().size());
}

image::Image to_image(const Tensor& pictures, std::int64_t index) {
    const Tensor picture = ops::to(ops::slice(pictures, 0, index, index + 1), Device::cpu);
    const Tensor bytes = to_uint8(picture);  // [1, H, W, 3]
    image::Image image(static_cast<int>(bytes.dim(2)), static_cast<int>(bytes.dim(1)));
    std::copy_n(bytes.ints(), bytes.size(), image.rgb.begin());
    return image;
}

std::string parameters_text(const Txt2ImgRequest& request, std::size_t i,
                            const std::string& model_name, Device device) {
    std::string text = request.prompts[i] + "\n";
    if (!request.negative_prompt.empty())
        text += "Negative prompt: " + request.negative_prompt + "\n";
    const bool ancestral = is_ancestral(request);
    text +=
        fmt::format("Steps: {}, Sampler: {}, CFG scale: {:g}, Seed: {}, Size: {}x{}, Model: {}",
                    ancestral ? 1000 : request.steps, ancestral ? "DDPM" : "DDIM",
                    request.cfg_scale, request.seeds[i], request.width, request.height, model_name);
    if (request.eta != 0.0f) text += fmt::format(", Eta: {:g}", request.eta);
    if (const ops::Precision precision = ops::precision(device); precision != ops::Precision::f32)
        text += ", Precision: " + ops::name_of(precision);
    return text;
}

}  // namespace ldm::pipeline
