#pragma once

#include <span>

#include "common/image/image.h"
#include "common/tensor/tensor.h"

/// Between pictures of bytes and the tensors that models work on: [N, 3, H, W] in [-1, 1], or, what
/// filters and masks work on, in [0, 1].
/// Bytes are on the CPU, and so is what is made of them; what becomes bytes is fetched from a GPU.

namespace ldm::image {

/// [1, 3, H, W] in [-1, 1].
Tensor to_tensor(const Image& picture);

/// Pictures of one size as a batch [N, 3, H, W]; ldm::Error when there is none or the sizes differ.
Tensor to_tensor(std::span<const Image> pictures);

/// [1, 3, H, W] in [0, 1]: bytes over 255.
Tensor to_unit_tensor(const Image& picture);

/// Bytes [H, W, 3] int32, as reference cases have pictures; ldm::Error for another shape.
Image from_bytes(const Tensor& bytes);

/// Picture n of x [N, 3, H, W], clamped to [-1, 1] and rounded to the nearest byte.
Image to_image(const Tensor& x, std::int64_t n = 0);

}  // namespace ldm::image
