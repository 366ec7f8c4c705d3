#pragma once

#include "common/figures/canvas.h"
#include "common/image/image.h"
#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// How far a picture that was made small is from what it was: enlarged again by imresize, in
/// decibels (psnr).
[[nodiscard]] double psnr_of_enlarged(const Tensor& low, const Tensor& picture, int scale);

/// What becomes of a picture by the three kinds of plans and the seven seeds from `seed` on, and
/// above that the picture after each step of bsrgan's plan for the last of them. Its sides must be
/// multiples of `scale`.
inline constexpr int seeds_in_a_row = 7;
[[nodiscard]] figures::Canvas degradation_figure(const image::Image& picture, int scale,
                                                 std::uint64_t seed);

}  // namespace ldm::super_resolution
