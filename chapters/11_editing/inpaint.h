#pragma once

#include "chapters/08_ldm_pipeline/drawing.h"
#include "chapters/11_editing/masks.h"
#include "common/image/image.h"

namespace ldm::editing {

/// A picture of which a part is to be drawn anew, and how.
struct InpaintRequest {
    /// prompts, sampler and so on, and the size that is drawn: the picture, or its masked part, is
    /// scaled to it, and the result is scaled back
    pipeline::Txt2ImgRequest drawing;
    image::Image picture;
    /// [1, 1, H, W] of the picture's size, 1 where to draw
    Tensor mask;
    /// as img2img's: below 1 what was there before shows through
    double strength = 1;
    /// standard deviation in pixels of the soft edge with which the new part is put into the
    /// picture
    double mask_blur = 4;
    /// Draws the masked part with so many pixels around it, enlarged to the size of the drawing,
    /// instead of the whole picture.
    bool only_masked = false;
    int padding = 32;
};

/// Throws an Error for what cannot be, before weights are read: a mask of another size or without
/// anything to draw, instruct-pix2pix, and as
/// pipeline::expect_possible() and first_step().
void expect_possible(const InpaintRequest& request, const pipeline::ModelSpec& spec);

struct InpaintResult {
    /// what was drawn, and how
    pipeline::Txt2ImgResult drawn;
    /// the pictures with the new part in them; beyond the soft edge everything is as it was, to the
    /// bit
    std::vector<image::Image> pictures;
};

/// Draws the masked part anew, in the way the model was made for:
///
///   4 channels   any model: before each step what is known is put where it is known, with the
///                noise of that step (ddim.py; the noise is the same in every step, as in
///                diffusers' StableDiffusionInpaintPipeline)
///   9 channels   Stable Diffusion's inpainting UNet, which sees the mask and the rest of the
///                picture in each step (that pipeline, too)
///   7 channels   latent diffusion's inpainting UNet, which sees both, too, and takes no prompt
///                (scripts/inpaint.py)
///
/// The model's options must say that it encodes.
[[nodiscard]] InpaintResult inpaint(const pipeline::LatentDiffusion& model,
                                    const InpaintRequest& request,
                                    const ddpm::Observer& observer = {});

}  // namespace ldm::editing
