#pragma once

#include <string>

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// OpenCV's interpolations: two pixels in each direction, four (Keys' cubic with a = -0.75), or the
/// mean of what a pixel covers.
enum class CvFilter { linear, cubic, area };
std::string name_of(CvFilter filter);
/// Throws an Error that names the three.
CvFilter cv_filter_from(const std::string& name);

/// OpenCV's resize: x [N, C, H, W] at another size, with half-pixel centres; beyond the edges the
/// edge is repeated. However much the picture shrinks, linear and cubic read two and four pixels
/// in a row and skip what lies between, so that fine patterns become wrong ones (aliasing). The
/// degradations want that, for programs do it. Area is the exact mean when both sides shrink;
/// otherwise it is linear with steeper ramps between pixels. Throws an Error for a size without
/// pixels.
[[nodiscard]] Tensor cv_resize(const Tensor& x, std::int64_t width, std::int64_t height,
                               CvFilter filter);

}  // namespace ldm::super_resolution
