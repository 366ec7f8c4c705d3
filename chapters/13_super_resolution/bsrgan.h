#pragma once

#include <cstdint>

#include "chapters/13_super_resolution/degradation.h"

/// Degradations drawn by lot: "Designing a Practical Degradation Model for Deep Blind Image
/// Super-Resolution" (Zhang et al., 2021). A network that is to enlarge any picture must see every
/// kind of small one, so blur, reduction, noise and JPEG come in any order and any strength.
///
/// A picture of W x H becomes one of W / scale x H / scale (whole numbers; the remainder is cut
/// off). The seed decides everything. Upstream has a step more, the noise of a camera's processor,
/// for which a network of its own is needed; without it, as in all that upstream trains, it does
/// nothing. Each function throws an Error for a picture with less than 2 scale pixels in a
/// direction, of which nothing would be left, and for a scale that is not from 1 to 16.

namespace ldm::super_resolution {

/// Two blurs, two reductions, noise of 2 to 25 of 255, JPEG of quality 30 to 95.
[[nodiscard]] Plan plan_bsrgan(image::Extent size, int scale, std::uint64_t seed);

/// One blur a quarter as wide, noise of 1 or 2, JPEG from 80 on: what latent diffusion's upscaler
/// is trained with, for with the other one it draws nothing but blots.
[[nodiscard]] Plan plan_bsrgan_light(image::Extent size, int scale, std::uint64_t seed);

/// Blur, resize, noise (also of photons and speckle) and JPEG twice, in a loose order, after
/// sharpening: BSRGAN and Real-ESRGAN together.
[[nodiscard]] Plan plan_bsrgan_plus(image::Extent size, int scale, std::uint64_t seed);

}  // namespace ldm::super_resolution
