#pragma once

#include "common/random/torch_random.h"
#include "common/tensor/tensor.h"

namespace ldm::editing {

/// A mask [1, 1, height, width] to train an inpainting model with, 1 where to draw: with equal
/// probability one to four rectangles or one to four thick strokes ("Resolution-robust Large Mask
/// Inpainting with Fourier Convolutions", Suvorov et al., 2021, whose large masks upstream's model
/// was trained with). A stroke is a walk of straight pieces with round ends. At least one pixel is
/// masked. Throws an Error for a picture without pixels.
[[nodiscard]] Tensor random_mask(int width, int height, random::TorchGenerator& random);

}  // namespace ldm::editing
