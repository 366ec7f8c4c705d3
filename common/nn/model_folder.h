#pragma once

#include <filesystem>
#include <memory>

#include "common/io/json.h"
#include "common/nn/params.h"

namespace ldm::nn {

/// A model as this project ships it: a folder with `config.json` (upstream's names for every
/// setting) and `model.safetensors` (upstream's names for every weight, those of a single-file
/// SD 1.x checkpoint).
class ModelFolder {
public:
    /// Hands out its weights on `device`. Throws an Error that names what is missing.
    explicit ModelFolder(const std::filesystem::path& folder, Device device = Device::cpu);

    /// The small emoji model that the chapters draw with (reference_data/models/emoji).
    static std::filesystem::path shipped();

    const std::filesystem::path& path() const { return path_; }
    const io::Json& config() const { return config_; }

    /// Where the weights are, and so where a network wants its inputs.
    Device device() const { return checkpoint_->place().device; }

    /// The root of the weights: `weights() / "first_stage_model"` is the autoencoder.
    Params weights() { return checkpoint_->root(); }

    /// Throws one readable Error if anything that was asked for is not there.
    void check() const { checkpoint_->check((path_ / "model.safetensors").string()); }

private:
    std::filesystem::path path_;
    io::Json config_;
    std::unique_ptr<Checkpoint> checkpoint_;
};

}  // namespace ldm::nn
