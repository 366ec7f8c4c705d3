#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/08_ldm_pipeline/samplers.h"
#include "common/image/image.h"

namespace ldm::pipeline {

/// PyTorch's generators: that of the CPU, which diffusers' examples use, and that of a GPU, which
/// A1111 and stable-diffusion.cpp use by default.
enum class RandomStream { cpu, cuda };

/// What to draw: one picture for each prompt, all of one size, in one batch.
struct Txt2ImgRequest {
    std::vector<std::string> prompts;
    /// what the picture should not be
    std::string negative_prompt;
    /// what the characters of both mean. <lora:…> is left out of the prompts here; whoever opens
    /// the model merges LoRAs
    PromptSyntax syntax = PromptSyntax::a1111;
    /// learned words
    std::vector<TextualInversion> embeddings = {};
    /// from which layer the text encoder's output is taken; 1: the last, 2: the last but one
    int clip_skip = 1;
    /// one for each prompt
    std::vector<std::uint64_t> seeds;
    /// pixels, multiples of spec.size_step()
    int width = 0, height = 0;
    /// one of samplers()
    ddpm::SamplerKind sampler = ddim_sampler();
    /// number of steps; absent: the sampler's default
    std::optional<int> steps = {};
    /// noise added back in each step, as a share of what the ancestral sampler adds; absent: as the
    /// sampler does by itself
    std::optional<float> eta = {};
    /// at which noise levels the sampler stops, by name; empty: the sampler's own
    std::string schedule = {};
    /// as A1111 writes it into a PNG, if it was chosen
    std::string schedule_label = {};
    /// whose random numbers a seed stands for
    RandomStream rng = RandomStream::cpu;
    /// guidance scale s; 1: the conditional prediction alone, 0: the unconditional one
    float cfg_scale = 7.5f;
    /// whether the result has the latents of every step
    bool keep_steps = false;
};

/// The size, sampler, steps and guidance that the model's makers prefer. With the name of another
/// sampler its own number of steps. Throws an Error for an unknown name.
[[nodiscard]] Txt2ImgRequest preferred_request(const ModelSpec& spec,
                                               const std::string& sampler = "",
                                               const ddpm::SamplerList& known = samplers());

/// Throws an Error for a request that such a model cannot fulfil: a size that does not fit, a
/// number of steps or an eta that the sampler does not take, no prompt, more or fewer seeds than
/// prompts. Needs no weights, so that these errors come before they are loaded.
void expect_possible(const Txt2ImgRequest& request, const ModelSpec& spec);

/// The sampler of a request, for a model with this schedule. Throws an Error for what it does not
/// take.
[[nodiscard]] std::unique_ptr<ddpm::Sampler> sampler_of(const Txt2ImgRequest& request,
                                                        const ddpm::Schedule& schedule);

/// Takes the prompts of a request apart. Reads no weight. Throws an Error as plan_prompts() and
/// step_count() do.
[[nodiscard]] PromptPlan plan_of(const LatentDiffusion& model, const Txt2ImgRequest& request);

struct Txt2ImgResult {
    /// [N, 3, H, W], values around [-1, 1]
    Tensor pictures;
    /// the initial noise x_T [N, C, h, w]
    Tensor noise;
    /// what was decoded, [N, C, h, w]
    Tensor latents;
    struct Step {
        /// latents after the step [N, C, h, w]
        Tensor x;
        /// the x0 that the model's prediction in this step implies [N, C, h, w]
        Tensor pred_x0;
        /// the timestep that the UNet was given, from 0
        int t;
    };
    /// with keep_steps, else empty
    std::vector<Step> steps;
    /// for each prompt the text beyond the text tower's length, which PromptSyntax::plain cuts
    std::vector<std::string> cut;
};

/// Throws an Error for a model that wants a picture, with the command that it is for.
void expect_draws_from_noise(const ModelSpec& spec);

/// Pictures of prompts: draw() from noise alone. A picture depends on its own prompt and seed, not
/// on the others of the batch. `observer` sees every step, as ddpm::Observer says. Upstream:
/// scripts/txt2img.py. Throws an Error as expect_possible() and plan_of() do, for a model that
/// wants a picture, and if the final latents are not finite.
[[nodiscard]] Txt2ImgResult txt2img(const LatentDiffusion& model, const Txt2ImgRequest& request,
                                    const ddpm::Observer& observer = {});

/// How many steps a request takes, for progress bars and metadata. Throws an Error for steps or eta
/// that the sampler does not take.
[[nodiscard]] int step_count(const Txt2ImgRequest& request, const ModelSpec& spec);

/// One picture of a batch [N, 3, H, W] as bytes, by to_uint8: fractions are cut off as in the
/// original's txt2img.py, where image::to_image rounds.
[[nodiscard]] image::Image to_uint8_image(const Tensor& pictures, std::int64_t index);

/// As A1111 writes a value of the settings: what would not be read as one is a JSON string.
[[nodiscard]] std::string quoted(const std::string& value);

/// "v1-5-pruned" of models/v1-5-pruned.safetensors or of a folder, with or without a last slash.
[[nodiscard]] std::string name_of_model(const std::filesystem::path& path);

/// The settings that made picture i, in the format that AUTOMATIC1111's web UI writes into its PNGs
/// under the keyword "parameters".
[[nodiscard]] std::string parameters_text(const LatentDiffusion& model,
                                          const Txt2ImgRequest& request, std::size_t i);

}  // namespace ldm::pipeline
