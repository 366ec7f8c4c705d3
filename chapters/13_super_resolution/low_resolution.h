#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/image/image.h"

namespace ldm::super_resolution {

/// The ways in which a data set makes its small pictures (ldm/data/imagenet.py: ImageNetSR's
/// "degradation"): bsrgan, bsrgan_light; cv_bilinear, cv_bicubic, cv_area; pil_nearest,
/// pil_bilinear, pil_box, pil_bicubic, pil_lanczos.
[[nodiscard]] const std::vector<std::string>& degradations();

/// A picture in 1 / factor of its size; `seed` draws the steps of bsrgan and bsrgan_light. Throws
/// an Error for a degradation that is not among degradations(), for a factor that does not divide
/// the picture, and as plan_bsrgan() does.
[[nodiscard]] image::Image low_resolution(const image::Image& picture,
                                          const std::string& degradation, int factor,
                                          std::uint64_t seed);

}  // namespace ldm::super_resolution
