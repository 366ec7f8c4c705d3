#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/tensor_file.h"

/// Which families of models there are, and how the tensor names and shapes in a file's header tell
/// them apart.

namespace ldm::pipeline {

/// What kind of file this is, decided from tensor names and shapes only.
struct ModelFamily {
    /// "Stable Diffusion 1.x", "SDXL", "a LoRA" …
    std::string name;
    /// why this program cannot sample from it, one sentence each; empty if it can
    std::vector<std::string> problems = {};
    /// of the UNet, beyond the 4 of the latents: pictures (ConcatInput)
    std::int64_t in_channels = 4;
    /// of a model of latent diffusion's: which of reference_data/configs describes it
    std::string config = {};
};

/// The names of families that others ask for; published_models.h has more.
inline constexpr const char *sd1 = "Stable Diffusion 1.x", *sd2 = "Stable Diffusion 2.x",
                            *ldm_inpainting = "LDM inpainting",
                            *ldm_text_to_image = "LDM text-to-image";

/// The family of a file, under CompVis's names (with_compvis_names). First come parts of names that
/// only one kind of file has (LoRA, ControlNet, Flux, …); then a UNet by CompVis's names: that of a
/// model which was published with latent diffusion, or one of Stable Diffusion's, by the width of
/// its cross-attention's context and its input channels; then files with one part of a model. Never
/// throws: what it does not know is a family with a problem. With `separate_autoencoder` it need
/// not hold an autoencoder.
[[nodiscard]] ModelFamily identify(const io::TensorFile& file, bool separate_autoencoder = false);

/// Whether any name begins so.
[[nodiscard]] bool has_prefix(const io::TensorFile& file, std::string_view prefix);

/// How wide the context is that the UNet's cross-attention takes, if it has one.
[[nodiscard]] std::optional<std::int64_t> context_width(const io::TensorFile& file);

/// Why Stable Diffusion's UNet with so many input channels is not supported; empty for 4, 9
/// (inpainting) and 8 (instruct-pix2pix). Known is 5 (depth to image).
[[nodiscard]] std::string unsupported_channels(std::int64_t in_channels);

/// The family whose cross-attention has a context of that width: 768 (SD 1.x, supported), 1024
/// (SD 2.x, supported), 1280 (SDXL's refiner), 2048 (SDXL).
[[nodiscard]] ModelFamily identify_by_context(std::int64_t width);

}  // namespace ldm::pipeline
