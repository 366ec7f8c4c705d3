#pragma once

#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/io/safetensors.h"

/// Which families of models there are, and how the names and shapes in a file's header tell them
/// apart.

namespace ldm::pipeline {

/// What a header says.
struct Identity {
    /// "Stable Diffusion 1.x", "SDXL", "a LoRA" …
    std::string family;
    /// why it cannot be drawn with yet, a sentence each; empty for what this program draws with
    std::vector<std::string> problems = {};
};

/// The name of Stable Diffusion 1.x, the family that files of other programs are read as.
inline constexpr const char* sd1 = "Stable Diffusion 1.x";

/// The settings of that family, which its files do not carry: v1-inference.yaml of
/// CompVis/stable-diffusion with the CLIP ViT-L/14 text tower, in the form of our config.json.
[[nodiscard]] io::Json sd1_settings();

/// A single file by CompVis's names, or whatever else people have under the name .safetensors.
[[nodiscard]] Identity identify(const io::SafetensorsFile& file);

/// What is wrong with drawing with a UNet of so many input channels, empty if nothing.
[[nodiscard]] std::string problem_of_channels(std::int64_t in_channels);

/// The family whose cross-attention has a context of that width, and why it cannot be drawn with.
[[nodiscard]] Identity identify_by_context(std::int64_t width);

/// Throws an Error that says what the file is (a PyTorch checkpoint, GGUF, a web page, a Git LFS
/// pointer, fp8 weights …) unless it can be a safetensors file that this program reads.
void expect_safetensors(const std::filesystem::path& path);

}  // namespace ldm::pipeline
