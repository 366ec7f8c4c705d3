#pragma once

#include <string>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/ldm/drawing_options.h"

namespace ldm::program {

/// All that the pixels of picture i depend on, as other programs write it: parameters_text(), what
/// the drawing adds (`more`), and what the options say of the model and how it computes.
/// settings_of_picture() reads it.
[[nodiscard]] std::string picture_text(const DrawingOptions& options,
                                       const pipeline::LatentDiffusion& model,
                                       const pipeline::Txt2ImgRequest& request, std::size_t i,
                                       const std::string& more);

}  // namespace ldm::program
