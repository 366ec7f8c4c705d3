#pragma once

#include <filesystem>
#include <string>

#include "chapters/08_ldm_pipeline/model_spec.h"
#include "common/nn/model_source.h"

namespace ldm::pipeline {

/// A model, wherever it lies: what it is, and where its parts are.
struct OpenedModel {
    ModelSpec spec;
    nn::ModelSource source;
};

/// Finds out what `path` is: a folder of this project, a single file by CompVis's names
/// (.safetensors, .ckpt), a diffusers folder, or one in the Hugging Face cache. Only headers and
/// settings are read; an unsupported model is opened all the same, with the reasons in
/// `spec.problems`. Weights are handed out on the CPU until source.use(). Throws an Error for what
/// is no model at all, or in a form that cannot be read.
///
/// The autoencoder of `vae`, a file or folder (find_autoencoder), takes the place of the model's
/// own, which then may be missing; a folder's scaling_factor that of the model's. Throws an Error
/// if it does not fit.
[[nodiscard]] OpenedModel open_model(const std::filesystem::path& path,
                                     const std::filesystem::path& vae = {});

/// "single file (CompVis's names)" and the like.
[[nodiscard]] std::string name_of(nn::ModelSource::Layout layout);

}  // namespace ldm::pipeline
