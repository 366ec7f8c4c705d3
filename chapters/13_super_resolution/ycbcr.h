#pragma once

#include <cstdint>
#include <vector>

#include "common/image/image.h"
#include "common/tensor/tensor.h"

/// Brightness (luma, Y) and two differences of colour (blue and red, Cb and Cr), as in television:
/// ITU-R BT.601 with Y from 16 to 235 and the others from 16 to 240 of 255, MATLAB's rgb2ycbcr.
/// Papers compare pictures by Y alone, for that is what an eye sees sharply. A JPEG has the same
/// three with the range 0 to 255.

namespace ldm::super_resolution {

/// x [N, 3, H, W] in [0, 1]; Y, Cb and Cr are in [0, 1], too.
[[nodiscard]] Tensor rgb_to_ycbcr(const Tensor& x);
[[nodiscard]] Tensor ycbcr_to_rgb(const Tensor& x);
/// Y alone, [N, 1, H, W].
[[nodiscard]] Tensor luma(const Tensor& x);

/// Bytes for bytes, rounded to the nearest. On the way back upstream lets what is outside of the
/// range wrap around: 256 becomes 0. So does this one, to be compared with it; for anything else
/// take the tensor and to_bytes, which clamps.
[[nodiscard]] image::Image rgb_to_ycbcr(const image::Image& picture);
[[nodiscard]] image::Image ycbcr_to_rgb_wrapped(const image::Image& picture);
/// A byte of Y for each pixel.
[[nodiscard]] std::vector<std::uint8_t> luma(const image::Image& picture);

/// Red and blue exchanged: what OpenCV calls BGR.
[[nodiscard]] image::Image swap_red_and_blue(const image::Image& picture);

}  // namespace ldm::super_resolution
