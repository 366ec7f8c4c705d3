#pragma once

#include "common/image/image.h"
#include "common/image/resize.h"
#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// The square in the middle, as large as the shorter side.
[[nodiscard]] image::Image centre_square(const image::Image& picture);

/// How the models of latent diffusion for LSUN, CelebA-HQ and FFHQ see a picture: the square in its
/// middle at size x size pixels, by a filter of PIL's (upstream's settings: bicubic), [1, 3, size,
/// size] in [-1, 1]. `mirrored`: left and right exchanged; upstream does that to every second one.
[[nodiscard]] Tensor lsun_picture(const image::Image& picture, int size, image::Filter filter,
                                  bool mirrored = false);

}  // namespace ldm::super_resolution
