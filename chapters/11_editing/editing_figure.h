#pragma once

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "common/figures/canvas.h"

namespace ldm::editing {

/// One picture of `prompt` and what becomes of it: img2img with more and more strength, inpainting,
/// variations, and hires. The model's options must say that it encodes.
[[nodiscard]] figures::Canvas editing_figure(const pipeline::LatentDiffusion& model,
                                             const std::string& prompt, std::uint64_t seed);

}  // namespace ldm::editing
