#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "chapters/08_ldm_pipeline/model_files.h"
#include "chapters/09_training/optimizer/trainable.h"

namespace ldm::train {

/// The model that a training begins with and adds to. Trainings follow each other: the autoencoder
/// first, the CLIP towers, then what draws; each takes the folder that the one before has written.
class ModelParts {
public:
    /// Nothing yet.
    ModelParts() = default;

    /// Whatever ldm reads: a folder of this project, complete or not, a single SD 1.x file, a
    /// diffusers folder.
    explicit ModelParts(const std::filesystem::path& path);

    /// A model that lies on no disk: settings as in config.json, weights by CompVis's names. Its
    /// vocabulary has no merges: 256 bytes, 256 that end a word, start and end.
    ModelParts(io::Json config, std::unique_ptr<nn::Checkpoint> weights);

    /// From now on hands out weights on that device.
    void use(Device device);

    /// A setting of config.json; an empty object when there is none.
    io::Json setting(const std::string& key) const;

    /// Whether there are weights below that name.
    bool has(const std::string& prefix) const;

    /// The weights below `path` ("model.diffusion_model"). Throws when there is no model.
    nn::Params weights(const std::string& path) const;

    /// The vocabulary of the text tower.
    text::ClipTokenizer tokenizer() const;

    /// Throws one Error that lists what networks asked for and did not get.
    void check() const;

    /// Writes a model folder: the settings with `config` on top, the weights with `weights` (by
    /// their full names) on top, as f16, and the vocabulary: `merges` if given.
    void write(const std::filesystem::path& folder, const io::Json& config, const Weights& weights,
               const std::filesystem::path& merges = {}) const;

private:
    std::filesystem::path merges_file() const;
    std::optional<pipeline::ModelFiles> files_;
};

}  // namespace ldm::train
