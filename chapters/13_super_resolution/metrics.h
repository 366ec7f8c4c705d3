#pragma once

#include "common/tensor/tensor.h"

/// How near a picture is to another one, both [N, C, H, W] in [0, 1]. `border` pixels at each edge
/// are left out: there a filter had to guess, and papers do not count them. Both throw an Error for
/// pictures of different sizes, and where no pixel is left.

namespace ldm::super_resolution {

/// Peak signal-to-noise ratio in decibels, 10 log10(1 / mean squared difference), by vae::psnr.
/// Infinite for equal pictures.
[[nodiscard]] double psnr(const Tensor& a, const Tensor& b, int border = 0);

/// Structural similarity (Wang et al., 2004), the mean over all channels and all 11 x 11 windows
/// that lie inside: 1 for equal pictures. It needs 11 pixels in each direction.
[[nodiscard]] double ssim(const Tensor& a, const Tensor& b, int border = 0);

}  // namespace ldm::super_resolution
