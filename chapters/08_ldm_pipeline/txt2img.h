#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chapters/01_ddpm/sampling.h"
#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "common/image/image.h"

namespace ldm::pipeline {

/// What to draw: one picture for each prompt, all of one size, in one batch.
struct Txt2ImgRequest {
    std::vector<std::string> prompts;
    // what the picture should not be
    std::string negative_prompt;
    // one for each prompt; PyTorch's CPU noise for that seed
    std::vector<std::uint64_t> seeds;
    int width = 0, height = 0;
    // or "ddpm", the ancestral sampler over every training step
    std::string sampler = "ddim";
    // of ddim; as in the original, some numbers make one more
    int steps = 50;
    // how much noise ddim adds back at each step
    float eta = 0.0f;
    // how strongly the prompt is followed; 1 is not at all stronger
    float cfg_scale = 7.5f;
    // whether the result says how it came about
    bool keep_steps = false;
};

struct Txt2ImgResult {
    // [N, 3, H, W], values around [-1, 1]
    Tensor pictures;
    // what it all began with: [N, C, h, w]
    Tensor noise;
    struct Step {
        // the latents after the step
        Tensor x;
        // what the model believed the end to be
        Tensor pred_x0;
        int t;
    };
    // if they were to be kept
    std::vector<Step> steps;
    // what was too long of each prompt, mostly nothing
    std::vector<std::string> cut;
};

/// From words to pictures: encode the prompts, draw noise, let the sampler take it away step by
/// step, decode. A picture depends on its own prompt and seed, not on the others of the batch.
/// `observer` sees every step, as ddpm::Observer says.
Txt2ImgResult txt2img(const LatentDiffusion& model, const Txt2ImgRequest& request,
                      const ddpm::Observer& observer = {});

/// How many steps a request will take, for progress bars.
int step_count(const LatentDiffusion& model, const Txt2ImgRequest& request);

/// One picture of a batch [N, 3, H, W] as bytes.
image::Image to_image(const Tensor& pictures, std::int64_t index);

/// The settings that made picture i, in the form that other programs write into their PNGs under
/// the keyword "parameters".
std::string parameters_text(const Txt2ImgRequest& request, std::size_t i,
                            const std::string& model_name, Device device = Device::cpu);

}  // namespace ldm::pipeline
