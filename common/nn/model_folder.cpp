#include "common/nn/model_folder.h"

#include "common/io/safetensors.h"
#include "common/io/source_tree.h"

namespace ldm::nn {

ModelFolder::ModelFolder(const std::filesystem::path& folder, Device device)
    : path_(folder),
      config_(io::read_json(folder / "config.json")),
      checkpoint_(std::make_unique<Checkpoint>()) {
    checkpoint_->add(io::SafetensorsFile(folder / "model.safetensors"));
    checkpoint_->use({.device = device});
}

std::filesystem::path ModelFolder::shipped() {
    return io::in_source_tree("reference_data/models/emoji");
}

}  // namespace ldm::nn
