#pragma once

#include <optional>
#include <vector>

#include "chapters/08_ldm_pipeline/families.h"
#include "common/io/json.h"

/// The models that were published with latent diffusion (Rombach et al., 2022; Blattmann et al.,
/// 2022: CompVis/latent-diffusion, models/ldm/ and configs/), before Stable Diffusion. Each is a
/// file of reference_data/configs, which says how wide its layers are, and so how a file of its
/// weights is known.

namespace ldm::pipeline {

/// The one whose first convolution, context, codebook and conditioner a file has, under CompVis's
/// names; none if there is no such model. Those of faces (CelebA-HQ, FFHQ) and bedrooms (LSUN) are
/// one family: they differ in their weights only. The two of semantic maps differ in the size
/// of their pictures only. What else a setting could be that no shape shows is in the file's
/// buffers (stored_buffers.h).
[[nodiscard]] std::optional<ModelFamily> identify_published(const io::TensorFile& file);

/// The settings of all of them.
[[nodiscard]] std::vector<io::Json> all_published_settings();

/// The settings of a family with a `config`, in the form of our config.json.
[[nodiscard]] io::Json published_settings(const ModelFamily& family);

}  // namespace ldm::pipeline
