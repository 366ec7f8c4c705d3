#pragma once

#include <filesystem>
#include <vector>

#include "common/io/json.h"
#include "common/io/tensor_file.h"
#include "common/nn/params.h"

/// The autoencoder (VAE) of a diffusers folder, or one that was published alone.

namespace ldm::pipeline {

/// Adds the weights of an autoencoder as first_stage_model.…, whether they go by CompVis's names
/// (decoder.mid.…), with or without that prefix, or by diffusers' (decoder.mid_block.…); other
/// weights are left out. `first_stage_config` is that of our config.json. Throws an Error for a
/// name that is taken.
void add_autoencoder(const std::vector<io::TensorFile>& files, const io::Json& first_stage_config,
                     nn::Checkpoint& checkpoint);

/// An autoencoder that is to stand in for a model's own.
struct SeparateAutoencoder {
    std::vector<std::filesystem::path> files;
    /// what its config.json says of the latents' factor; 0 if nothing
    double scale_factor = 0;
};

/// A file, or a folder with config.json and diffusion_pytorch_model.safetensors or .bin (the vae/
/// of a diffusers folder, or the folder around it). Throws an Error where there is none.
[[nodiscard]] SeparateAutoencoder find_autoencoder(const std::filesystem::path& path);

/// Replaces the weights below first_stage_model. Throws an Error that says what the files are if
/// they hold no autoencoder, or one whose latents have other channels than those of the config.
void replace_autoencoder(const SeparateAutoencoder& autoencoder, const io::Json& first_stage_config,
                         nn::Checkpoint& checkpoint);

}  // namespace ldm::pipeline
