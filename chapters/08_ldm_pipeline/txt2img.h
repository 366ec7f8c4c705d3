#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/08_ldm_pipeline/samplers.h"
#include "common/image/image.h"

namespace ldm::pipeline {

/// What to draw: one picture for each prompt, all of one size, in one batch.
struct Txt2ImgRequest {
    std::vector<std::string> prompts;
    /// what the picture should not be
    std::string negative_prompt;
    /// one for each prompt; PyTorch's CPU noise for that seed
    std::vector<std::uint64_t> seeds;
    int width = 0, height = 0;
    /// one of samplers()
    ddpm::SamplerKind sampler = ddim_sampler();
    /// exactly so many; absent: what the sampler does by itself
    std::optional<int> steps = {};
    /// how much noise is added back at each step
    float eta = 0.0f;
    /// how strongly the prompt is followed; 1 is not at all stronger
    float cfg_scale = 7.5f;
    /// whether the result says how it came about
    bool keep_steps = false;
};

/// The size, sampler, steps and guidance that the model's makers prefer. With the name of another
/// sampler its own number of steps. Throws an Error for an unknown name.
[[nodiscard]] Txt2ImgRequest preferred_request(const ModelSpec& spec,
                                               const std::string& sampler = "");

/// Throws an Error for a request that cannot be drawn with such a model: a size that does not fit,
/// a number of steps or an eta that the sampler does not take, more or fewer seeds than prompts.
/// Needs no weights, so that nothing has to be refused after they were loaded.
void expect_possible(const Txt2ImgRequest& request, const ModelSpec& spec);

struct Txt2ImgResult {
    /// [N, 3, H, W], values around [-1, 1]
    Tensor pictures;
    /// what it all began with: [N, C, h, w]
    Tensor noise;
    struct Step {
        /// the latents after the step
        Tensor x;
        /// the final latents that the model predicts at this step
        Tensor pred_x0;
        int t;
    };
    /// if they were to be kept
    std::vector<Step> steps;
    /// what was too long of each prompt, mostly nothing
    std::vector<std::string> cut;
};

/// From words to pictures: encode the prompts, draw noise, let the sampler take it away step by
/// step, decode. A picture depends on its own prompt and seed, not on the others of the batch.
/// `observer` sees every step, as ddpm::Observer says. Throws as expect_possible does.
[[nodiscard]] Txt2ImgResult txt2img(const LatentDiffusion& model, const Txt2ImgRequest& request,
                                    const ddpm::Observer& observer = {});

/// How many steps a request will take: the number for progress bars and metadata.
[[nodiscard]] int step_count(const Txt2ImgRequest& request, const ModelSpec& spec);

/// One picture of a batch [N, 3, H, W] as bytes, by to_uint8: fractions are cut off as in the
/// original's txt2img.py, where image::to_image rounds.
[[nodiscard]] image::Image to_uint8_image(const Tensor& pictures, std::int64_t index);

/// The settings that made picture i, in the form that other programs write into their PNGs under
/// the keyword "parameters".
[[nodiscard]] std::string parameters_text(const LatentDiffusion& model,
                                          const Txt2ImgRequest& request, std::size_t i);

}  // namespace ldm::pipeline
