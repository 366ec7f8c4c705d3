#pragma once

#include "chapters/08_ldm_pipeline/drawing.h"
#include "common/image/image.h"

namespace ldm::editing {

/// A picture to be drawn again, and how: SDEdit (Meng et al., 2022).
struct Img2ImgRequest {
    /// prompts, size, sampler and so on; all pictures begin with the same one
    pipeline::Txt2ImgRequest drawing;
    /// of any size: the part of it with the drawing's proportions is taken, and scaled
    image::Image picture;
    /// How far back towards noise it goes, as a share of the steps: near 0 it stays as it is, at 1
    /// hardly anything of it is left. A model that changes pictures (instruct-pix2pix) sees the
    /// picture in each step and begins with noise: there it is 1.
    double strength = 0.75;
    /// instruct-pix2pix: how closely the picture is followed (Brooks et al., 2023: s_I)
    double image_cfg_scale = 1.5;
};

/// How many of `steps` steps a strength leaves out: all but its share of them, rounded down, as
/// diffusers counts. Throws an Error unless 0 < strength <= 1 and one step at least is left.
[[nodiscard]] int first_step(int steps, double strength);

/// Throws an Error for what the model cannot do, before its weights are read: an inpainting UNet, a
/// strength that leaves no step, a sampler that chooses its own, and as
/// pipeline::expect_possible().
void expect_possible(const Img2ImgRequest& request, const pipeline::ModelSpec& spec);

/// The multiple of spec.size_step() that is nearest to so many pixels, at least one.
[[nodiscard]] int nearest_size(double pixels, const pipeline::ModelSpec& spec);

/// The size at which to draw a picture unless another is asked for: its proportions, the shorter
/// side as long as the model's pictures, both the nearest multiples of spec.size_step().
[[nodiscard]] image::Extent usual_size(const image::Image& picture,
                                       const pipeline::ModelSpec& spec);

/// The picture as [1, 3, height, width] in [-1, 1]: its middle, of the proportions asked for,
/// scaled by Lanczos' filter.
[[nodiscard]] Tensor fitted(const image::Image& picture, int width, int height);

/// Encodes the picture, adds as much noise as there is at the first step that is made, and lets the
/// sampler make that step and the ones after it. Upstream: scripts/img2img.py of
/// CompVis/stable-diffusion; the numbers of steps and of random numbers are those of diffusers'
/// StableDiffusionImg2ImgPipeline, and for a model of eight channels those of its
/// StableDiffusionInstructPix2PixPipeline. The model's options must say that it encodes.
[[nodiscard]] pipeline::Txt2ImgResult img2img(const pipeline::LatentDiffusion& model,
                                              const Img2ImgRequest& request,
                                              const ddpm::Observer& observer = {});

}  // namespace ldm::editing
