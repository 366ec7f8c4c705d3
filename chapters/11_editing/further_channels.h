#pragma once

#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/11_editing/fold_unfold.h"

/// UNets asked in other ways than with latents and a prompt: with pictures as further channels
/// beside the latents (conditioning key hybrid), and in patches.

namespace ldm::editing {

/// The UNet with these channels [1, c, h, w] beside each of the latents that it is given.
[[nodiscard]] pipeline::ConditionedModel with_channels(const pipeline::ConditionedModel& unet,
                                                       const Tensor& channels);

/// Guidance by a picture and by prompts ("InstructPix2Pix", Brooks, Holynski and Efros, 2023,
/// equation 3):
///
///   eps = e(0, "") + s_I (e(picture, "") - e(0, "")) + s sum_i w_i (e(picture, i) - e(picture,
///   ""))
///
/// of a UNet that with_channels(unet, picture) shows the picture. `picture` [1, c, h, w] is what it
/// is shown, and 0 are zeros in its place. Upstream: diffusers'
/// StableDiffusionInstructPix2PixPipeline.
[[nodiscard]] pipeline::Guide guided_by_picture(const Tensor& picture, double image_cfg_scale);

/// The UNet, asked about overlapping patches of the latents (and of what stands beside them) one
/// after the other, and its predictions blended: apply_patchwise() of a UNet with a conditioning.
/// What it is told in words it is told about each patch.
[[nodiscard]] pipeline::ConditionedModel in_patches(const pipeline::ConditionedModel& unet,
                                                    const Patches& patches);

}  // namespace ldm::editing
