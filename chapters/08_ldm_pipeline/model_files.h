#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/nn/params.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::pipeline {

/// The ways a model lies on a disk.
enum class ModelKind {
    // ours: config.json, model.safetensors, merges.txt
    folder,
    // SD 1.x as one .safetensors with CompVis's keys
    single_file,
    // SD 1.x as a folder with unet/, vae/, text_encoder/, tokenizer/
    diffusers,
};

std::string to_string(ModelKind kind);

/// A latent diffusion model's settings, weights and vocabulary, wherever they were found. Whatever
/// the layout, the weights go by CompVis's names here.
struct ModelFiles {
    ModelKind kind;
    std::filesystem::path path;
    io::Json config;
    std::unique_ptr<nn::Checkpoint> checkpoint;
    std::vector<std::filesystem::path> weight_files;

    /// The vocabulary that belongs to the text tower.
    text::ClipTokenizer tokenizer() const;
};

/// Finds out what `path` is and opens it. Nothing but headers is read yet. Throws an Error that
/// says what is missing, or that this is no model.
ModelFiles open_model(const std::filesystem::path& path);

}  // namespace ldm::pipeline
