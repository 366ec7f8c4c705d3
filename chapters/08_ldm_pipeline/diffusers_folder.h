#pragma once

#include <filesystem>

#include "chapters/08_ldm_pipeline/open_model.h"

namespace ldm::pipeline {

/// Whether any of unet/, transformer/ and model_index.json exists: enough to call it a folder of
/// the diffusers library, not a promise that it is complete.
[[nodiscard]] bool is_diffusers_folder(const std::filesystem::path& path);

/// unet/, vae/ and text_encoder/ hold weights (diffusers_weights.h), whose names differ from
/// CompVis's; tokenizer/ holds the vocabulary (merges.txt and vocab.json, or tokenizer.json alone;
/// a folder without has CLIP's), scheduler/ settings. The settings are the family's
/// (settings_of()); of the folder's are read the UNet's cross_attention_dim and in_channels, which
/// identify the family, its sample_size, the VAE's scaling_factor, and the scheduler's settings
/// (SchedulerSettings). Whatever is missing or unsupported becomes a problem of `spec`, not an
/// exception.
/// With `separate_autoencoder` vae/ is not read.
[[nodiscard]] OpenedModel open_diffusers_folder(const std::filesystem::path& path,
                                                bool separate_autoencoder = false);

}  // namespace ldm::pipeline
