#pragma once

#include <string>

#include "common/tensor/tensor.h"

namespace ldm::vae {

/// How a picture gets another size (torch.nn.functional.interpolate). Each is a sum of a few of the
/// old pixels around a place between them, without antialiasing; area is the mean of the old pixels
/// that a new one covers.
enum class Interpolation { nearest, bilinear, bicubic, area };

/// "nearest" and so on. Throws an Error for another name.
[[nodiscard]] Interpolation interpolation_named(const std::string& name);

/// x [N, C, H, W] -> [N, C, floor(H multiplier), floor(W multiplier)]. Pixel i is taken at
/// (i + 0.5) / multiplier - 0.5 of the old axis, whatever the sizes have been rounded to. Throws an
/// Error where no pixel would be left.
[[nodiscard]] Tensor rescaled(const Tensor& x, double multiplier, Interpolation method);

/// x [N, C, H, W] -> [N, C, height, width]; pixel i is taken at (i + 0.5) H / height - 0.5. Throws
/// an Error for a size below 1.
[[nodiscard]] Tensor resized_to(const Tensor& x, std::int64_t height, std::int64_t width,
                                Interpolation method);

/// x [N, C, H, W] -> [N, C, height, width], bicubic, the corner pixels on the corner pixels
/// (align_corners).
[[nodiscard]] Tensor resized_to_corners(const Tensor& x, std::int64_t height, std::int64_t width);

}  // namespace ldm::vae
