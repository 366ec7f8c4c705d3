#pragma once

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// MATLAB's imresize(x, scale, "bicubic"), by which papers on super-resolution make their small
/// pictures: x [N, C, H, W] at ceil(scale * H) x ceil(scale * W). Keys' cubic with a = -0.5;
/// shrinking it is 1 / scale times as wide when `antialiasing`; beyond the edges the picture is
/// mirrored, the edge included. It is neither PIL's bicubic (image::resize), which leaves out what
/// is beyond the edges and rounds to bytes, nor OpenCV's (cv_resize), which has another cubic.
/// Throws an Error for a scale that is not above 0, or too large.
[[nodiscard]] Tensor imresize(const Tensor& x, double scale, bool antialiasing = true);

}  // namespace ldm::super_resolution
