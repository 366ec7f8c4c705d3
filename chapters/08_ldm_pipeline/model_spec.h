#pragma once

#include <string>
#include <vector>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/03_clip/text_encoder.h"
#include "chapters/07_unet/diffusion_wrapper.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "common/nn/model_source.h"

namespace ldm::pipeline {

/// What a model is, read from its settings and from the names and shapes in its files' headers: no
/// weight is read for it. Drawing, the command, `ldm inspect` and the trainers all ask here.
struct ModelSpec {
    /// "Stable Diffusion 1.x", "SDXL", …
    std::string family;

    /// Why nothing can be drawn with it: what it is instead, or what it lacks; a sentence each.
    /// While there are any, only `family` above and what is not 0 below mean something.
    std::vector<std::string> problems;

    /// betas, and in what the UNet answers
    ddpm::Schedule::Config schedule;
    unet::DiffusionWrapper::Key conditioning = unet::DiffusionWrapper::Key::none;
    /// CLIP's
    clip::TextEncoder::Config text_tower{};
    unet::Config unet{};
    FirstStageConfig first_stage;
    float scale_factor = 1.0f;

    /// the size that the model was trained for, in pixels
    int image_size = 0;

    /// what the model's makers draw with, unless a request says otherwise
    std::string sampler = "ddim";
    int steps = 50;
    float cfg_scale = 7.5f;

    /// How many pixels a latent's pixel stands for, each way.
    int autoencoder_factor() const { return 1 << (first_stage.ddconfig.levels() - 1); }

    /// Widths and heights must be multiples of this: the autoencoder's factor times the UNet's.
    int size_step() const { return autoencoder_factor() * unet.down_factor(); }

    /// The shape of n latents of pictures of this size. Throws unless both are positive multiples
    /// of size_step().
    Shape latent_shape(std::int64_t n, int width, int height) const;

    /// Throws an Error that names the model `name` and all problems, if there are any.
    void expect_drawable(const std::string& name) const;
};

/// The settings of config.json as a ModelSpec. What is missing, unknown or does not fit together
/// becomes a problem.
ModelSpec spec_from_settings(const io::Json& config, std::string family);

/// "eps", "x0", "v", as config.json has it.
std::string name_of(ddpm::Parameterization parameterization);

/// "crossattn" and so on.
std::string name_of(unet::DiffusionWrapper::Key key);

}  // namespace ldm::pipeline
