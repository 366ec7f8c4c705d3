#pragma once

#include <functional>

#include "chapters/08_ldm_pipeline/model_spec.h"

namespace ldm::editing {

/// A mask at the size of pictures and at that of latents, 1 where to draw and else 0, each
/// [N, 1, height, width].
struct Masks {
    Tensor of_picture, of_latents;
};

/// The mask of both sizes, on `device`: of latents it is resize_nearest() of `mask` [N, 1, H, W],
/// which is on the CPU.
[[nodiscard]] Masks masks_for(const Tensor& mask, std::int64_t latent_height,
                              std::int64_t latent_width, Device device);

/// What an inpainting UNet sees beside the latents: the mask, and the latents of what is left of
/// the pictures [N, 3, H, W]. Stable Diffusion's (ConcatInput::mask_and_picture) sees grey, the
/// middle of the range, where a picture is masked (diffusers: prepare_mask_latents); latent
/// diffusion's (picture_and_mask) sees black, and a mask in the range of pictures
/// (scripts/inpaint.py: make_batch). [N, C + 1, h, w]
[[nodiscard]] Tensor masked_channels(pipeline::ConcatInput kind, const Tensor& pictures,
                                     const Masks& masks,
                                     const std::function<Tensor(const Tensor& pictures)>& encode);

}  // namespace ldm::editing
