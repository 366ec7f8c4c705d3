#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/tensor/tensor.h"

namespace ldm::nn {

/// The activations of a model's UNet for one example picture, noised to step t, stored beside the
/// model. The chapters that build the UNet's parts look at real
/// numbers with it, before there is a UNet; chapter 07 writes it.
///
///     const ActivationSnapshot snapshot = read_activation_snapshot(folder);
///     SpatialTransformer(weights / "output_blocks" / 4 / 1, …)(snapshot.at("output_blocks.4.0"),
///     snapshot.at("context"))
struct ActivationSnapshot {
    std::string caption;
    /// which of the model's example pictures
    int example = 0;
    int t = 0;
    std::map<std::string, Tensor>
        /// "x", "context", and what modules put out, by their names
        tensors;

    /// Throws an Error that lists what there is.
    const Tensor& at(const std::string& name) const;
};

/// Reads `activations.safetensors` of a model folder, and brings its tensors to `device`.
ActivationSnapshot read_activation_snapshot(const std::filesystem::path& model_folder,
                                            Device device = Device::cpu);

/// Writes that file, complete or not at all, wherever the tensors are.
void write_activation_snapshot(const std::filesystem::path& model_folder,
                               const ActivationSnapshot& snapshot);

}  // namespace ldm::nn
