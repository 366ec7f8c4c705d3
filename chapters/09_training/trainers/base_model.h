#pragma once

#include <filesystem>

#include "chapters/09_training/optimizer/trainable.h"
#include "common/nn/model_source.h"

/// The model that a training begins with and adds to. Trainings follow each other: the autoencoder
/// first, the CLIP towers, then what draws; each takes the folder that the one before has written.

namespace ldm::train {

/// Whatever ldm draws with, or a folder of this project that is not complete yet. Throws an Error
/// for everything else, before a weight is read.
[[nodiscard]] nn::ModelSource open_base_model(const std::filesystem::path& path);

/// Writes a model folder: the settings of `base` with `config` on top, its weights with `weights`
/// (by their full names) on top, as f16, and the vocabulary: the text `merges`, or that of `base`
/// where it is empty. Each file is written complete or not at all.
void write_model_folder(const std::filesystem::path& folder, const nn::ModelSource& base,
                        const io::Json& config, const Weights& weights,
                        const std::string& merges = {});

}  // namespace ldm::train
