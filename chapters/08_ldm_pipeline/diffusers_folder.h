#pragma once

#include <filesystem>

#include "chapters/08_ldm_pipeline/open_model.h"

namespace ldm::pipeline {

/// Whether it has the parts of a pipeline of the diffusers library.
[[nodiscard]] bool is_diffusers_folder(const std::filesystem::path& path);

/// unet/, vae/, text_encoder/, tokenizer/ and scheduler/, each with a config.json and weights whose
/// names differ from CompVis's. The scheduler's settings are those of the training's schedule and
/// are honoured; how to sample is our own choice. As open_model.
[[nodiscard]] OpenedModel open_diffusers_folder(const std::filesystem::path& path);

/// What scheduler_config.json says about the training, in the words of our config.json
/// (beta_schedule, linear_start, linear_end, timesteps, parameterization). Throws an Error that
/// names a class, key or value that cannot be honoured.
[[nodiscard]] io::Json schedule_settings(const io::Json& scheduler_config);

}  // namespace ldm::pipeline
