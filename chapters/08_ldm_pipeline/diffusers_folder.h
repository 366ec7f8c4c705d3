#pragma once

#include <filesystem>

#include "chapters/08_ldm_pipeline/open_model.h"

namespace ldm::pipeline {

/// Whether any of unet/, transformer/ and model_index.json exists: enough to call it a folder of
/// the diffusers library, not a promise that it is complete.
[[nodiscard]] bool is_diffusers_folder(const std::filesystem::path& path);

/// unet/, vae/ and text_encoder/ hold weights, whose names differ from CompVis's; tokenizer/ holds
/// the vocabulary, scheduler/ settings. The settings are SD 1.x's (sd1_settings()); of the folder's
/// are read the UNet's cross_attention_dim and in_channels, which identify the family, the VAE's
/// scaling_factor, and the scheduler's training schedule (schedule_settings()). Whatever is missing
/// or unsupported becomes a problem of `spec`, not an exception.
[[nodiscard]] OpenedModel open_diffusers_folder(const std::filesystem::path& path);

/// What scheduler_config.json says about the training, under the keys of our config.json:
/// beta_schedule, linear_start, linear_end, timesteps, parameterization. {} for an empty config;
/// the defaults of single keys are diffusers' (linear, 1e-4, 2e-2, 1000, epsilon). diffusers'
/// scaled_linear is our linear, its linear our sqrt_linear. What concerns sampling alone
/// (timestep_spacing, steps_offset, clip_sample) is not read. Throws an Error that names a class,
/// key or value that is not supported.
[[nodiscard]] io::Json schedule_settings(const io::Json& scheduler_config);

}  // namespace ldm::pipeline
