#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/tensor/tensor.h"

namespace ldm::nn {

/// The activations of a model's UNet for one example picture, noised to timestep t, stored beside
/// the model. The chapters that build the UNet's parts look at real numbers with it, before there
/// is a UNet; chapter 07 writes it.
///
///     const ActivationSnapshot snapshot = read_activation_snapshot(folder);
///     SpatialTransformer(weights / "output_blocks" / 4 / 1, …)(snapshot.at("output_blocks.4.0"),
///     snapshot.at("context"))
struct ActivationSnapshot {
    std::string caption;
    /// index of the model's example picture
    int example = 0;
    /// training timestep, 0 .. T - 1
    int t = 0;
    /// float32: "x" [1, C, h, w], "context" [1, M, D], and outputs of modules by the modules' names
    std::map<std::string, Tensor> tensors;

    /// Throws an Error that lists the names there are.
    const Tensor& at(const std::string& name) const;
};

/// Reads `activations.safetensors` of a model folder, and moves its tensors to `device`. Throws an
/// Error if the file is missing or is not a snapshot.
ActivationSnapshot read_activation_snapshot(const std::filesystem::path& model_folder,
                                            Device device = Device::cpu);

/// Writes that file, complete or not at all, from tensors on any device. Throws an Error if it
/// cannot be written.
void write_activation_snapshot(const std::filesystem::path& model_folder,
                               const ActivationSnapshot& snapshot);

}  // namespace ldm::nn
