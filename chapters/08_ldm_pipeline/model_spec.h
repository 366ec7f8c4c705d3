#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/07_unet/diffusion_wrapper.h"
#include "chapters/08_ldm_pipeline/condition.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/08_ldm_pipeline/scheduler_settings.h"
#include "chapters/08_ldm_pipeline/text_tower.h"
#include "common/nn/model_source.h"

namespace ldm::pipeline {

/// What a UNet is given as further channels beside the noisy latents.
enum class ConcatInput {
    none,
    /// mask (1 where to draw), latents of the picture that is black there: Stable Diffusion's
    /// inpainting UNet, 2 C + 1 channels
    mask_and_picture,
    /// latents of the picture that is black there, mask (1 where to draw, else -1): the inpainting
    /// UNet of latent diffusion, 2 C + 1 channels, and no text
    picture_and_mask,
    /// latents of a picture to be changed: instruct-pix2pix, 2 C channels
    picture,
    /// the picture itself, as large as the latents: latent diffusion's super-resolution, C + 3
    /// channels, and no text
    low_resolution,
    /// a semantic map, made as small as the latents (SpatialRescaler): semantic synthesis
    segmentation,
};

/// What a model is, read from its settings and from the names and shapes in its files' headers: no
/// weight is read for it. Drawing, the command, `ldm inspect` and the trainers all ask here.
struct ModelSpec {
    /// "Stable Diffusion 1.x", "SDXL", …
    std::string family;

    /// Why this program cannot sample from it: what it is instead, or what it lacks; one sentence
    /// each. Empty if it can; otherwise the settings below may be missing (0 or their defaults).
    std::vector<std::string> problems;

    /// noise schedule, and what the UNet predicts (eps, x0, v)
    ddpm::Schedule::Config schedule;
    /// False for a file of SD 2.x that does not say what its UNet predicts: only the UNet itself
    /// can say (prediction.h), and until LatentDiffusion has asked it, `schedule` and `image_size`
    /// are those of eps.
    bool prediction_is_known = true;
    unet::DiffusionWrapper::Key conditioning = unet::DiffusionWrapper::Key::none;
    /// all that conditions it
    std::vector<Condition> conditions = {};
    /// the text encoder, unless the model takes no text
    std::optional<TextTower> text_tower = {};
    /// of a model that is told a class: their names, if it says them
    std::vector<std::string> class_names = {};
    unet::Config unet{};
    FirstStageConfig first_stage;
    /// factor of the first stage's latents (Rombach et al., 2022); 0.18215 in SD 1.x
    float scale_factor = 1.0f;

    /// width and height that the model was trained for, in pixels
    int image_size = 0;

    /// the makers' preferred sampler, number of steps and guidance scale s, unless a request says
    /// otherwise
    std::string sampler = "ddim";
    int steps = 50;
    /// empty: the sampler's own
    std::string sampler_schedule = {};
    /// how a diffusers folder says that it is to be drawn with
    std::optional<SchedulerSettings> scheduler = {};

    /// The noise schedule that it was trained with.
    ddpm::Schedule make_schedule() const;
    float cfg_scale = 7.5f;

    /// f: width of a picture over width of its latent.
    int autoencoder_factor() const { return first_stage.factor(); }

    /// What it is conditioned on under that key ("class_label"); null if it is not.
    const Condition* find_condition(std::string_view key) const;

    /// Whether something is said that can be left out, for guidance by the difference.
    bool is_guided() const {
        return text_tower || find_condition("class_label") || find_condition("clip_embedding");
    }

    /// Which channels the UNet takes beside the latents' C.
    ConcatInput concat_input() const;

    /// Widths and heights must be multiples of this: the autoencoder's factor times the UNet's.
    int size_step() const { return autoencoder_factor() * unet.down_factor(); }

    /// The shape [n, C, height / f, width / f] of the latents of n pictures of this size in pixels.
    /// Throws an Error unless both are positive multiples of size_step().
    Shape latent_shape(std::int64_t n, int width, int height) const;

    /// Throws an Error with `name`, the family and all problems, if there are any.
    void expect_supported(const std::string& name) const;
};

/// The settings of config.json as a ModelSpec. The first one that is missing, unknown or does not
/// fit the others becomes a problem, and the ones after it are not read.
ModelSpec spec_from_settings(const io::Json& config, std::string family);

/// "eps", "x0", "v", as config.json has it.
std::string name_of(ddpm::Parameterization parameterization);

/// "crossattn" and so on.
std::string name_of(unet::DiffusionWrapper::Key key);

}  // namespace ldm::pipeline
