#pragma once

#include "common/image/image.h"

namespace ldm::image {

enum class Filter {
    nearest,   ///< the pixel under the centre: blocks stay blocks
    bilinear,  ///< a tent as wide as a pixel of the coarser of the two pictures
    area       ///< the exact mean of what a pixel covers
};

/// The picture at another size, for showing and for comparing; half-pixel centres.
Image resize(const Image& image, int width, int height, Filter filter);

}  // namespace ldm::image
