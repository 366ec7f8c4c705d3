#pragma once

#include <vector>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "common/figures/canvas.h"
#include "common/image/example_pictures.h"

namespace ldm::super_resolution {

/// A picture in low resolution, two enlargements of it, and how near they are to the truth.
struct Upscaling {
    std::string name;
    image::Image low, bicubic, drawn, truth;
    /// decibels, and structural similarity, of both
    double psnr_bicubic = 0, psnr_drawn = 0, ssim_bicubic = 0, ssim_drawn = 0;
};

/// Each picture made small by `degradation` (low_resolution.h) and enlarged again by PIL's bicubic
/// filter and by the model.
[[nodiscard]] std::vector<Upscaling> upscalings(const pipeline::LatentDiffusion& model,
                                                const std::vector<image::Example>& pictures,
                                                const std::string& degradation, std::uint64_t seed);

/// A row of each: low resolution, bicubic, drawn, truth, with PSNR and SSIM.
[[nodiscard]] figures::Canvas upscaling_figure(const std::vector<Upscaling>& upscalings);

}  // namespace ldm::super_resolution
