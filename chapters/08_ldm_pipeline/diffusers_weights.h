#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ldm::pipeline {

/// The files with the weights of one part of a diffusers folder: those of `folder` (unet/, vae/)
/// that begin with one of `stems` ("diffusion_pytorch_model"). The library writes
///
///   diffusion_pytorch_model.safetensors                     one file
///   diffusion_pytorch_model.safetensors.index.json          or several, which this lists
///   diffusion_pytorch_model.fp16.safetensors                a variant
///   diffusion_pytorch_model.safetensors.index.fp16.json     in several files
///   diffusion_pytorch_model.bin                             and all of these as .bin
///
/// safetensors come before .bin, what is no variant before fp16, then bf16, then the only other
/// one. Throws an Error that says which file is missing or which variants there are to choose from.
[[nodiscard]] std::vector<std::filesystem::path> diffusers_weights(
    const std::filesystem::path& folder, const std::vector<std::string>& stems);

}  // namespace ldm::pipeline
