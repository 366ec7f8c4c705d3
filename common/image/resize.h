#pragma once

#include "common/image/image.h"

namespace ldm::image {

enum class Filter {
    /// the pixel under the centre: blocks stay blocks
    nearest,
    /// a tent as wide as a pixel of the coarser of the two pictures
    bilinear,
    /// the exact mean of what a pixel covers
    area,
    /// Keys' cubic with a = -0.5, four such pixels wide: sharper than a tent
    bicubic,
    /// a sine wave under a window, six such pixels wide: the sharpest
    lanczos
};

/// The picture at another size; half-pixel centres. Bilinear, bicubic and lanczos are PIL's filters
/// of these names, byte for byte: they widen when the picture shrinks, so that nothing is skipped.
Image resize(const Image& image, int width, int height, Filter filter);

}  // namespace ldm::image
