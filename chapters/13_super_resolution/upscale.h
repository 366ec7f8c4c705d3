#pragma once

#include "chapters/08_ldm_pipeline/drawing.h"
#include "common/image/image.h"

namespace ldm::super_resolution {

/// A picture to be drawn f times as large, f being the model's autoencoder factor.
struct UpscaleRequest {
    /// sampler, seeds and so on; its size is that of enlarged()
    pipeline::Txt2ImgRequest drawing;
    image::Image picture;
};

/// The size of what is drawn: f times the picture's, rounded up to what the UNet can halve. The
/// picture is continued by its last rows and columns to get there, and what they become is cut off.
[[nodiscard]] image::Extent drawn_size(const image::Image& picture,
                                       const pipeline::ModelSpec& spec);

/// The size of the result: f times the picture's.
[[nodiscard]] image::Extent enlarged(const image::Image& picture, const pipeline::ModelSpec& spec);

/// Throws an Error for a model that does not enlarge pictures, and as pipeline::expect_possible().
void expect_possible(const UpscaleRequest& request, const pipeline::ModelSpec& spec);

struct UpscaleResult {
    pipeline::Txt2ImgResult drawn;
    std::vector<image::Image> pictures;
};

/// Super-resolution by a latent diffusion model (Rombach et al., 2022, section 4.4; layout and
/// sizes of bsr_sr): the UNet sees the small picture as three more channels beside the latents,
/// which have its size, and the first stage decodes them to a picture f times as large. It invents
/// details that could have been there; with another seed it invents others.
[[nodiscard]] UpscaleResult upscale(const pipeline::LatentDiffusion& model,
                                    const UpscaleRequest& request,
                                    const ddpm::Observer& observer = {});

}  // namespace ldm::super_resolution
