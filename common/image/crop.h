#pragma once

#include "common/image/image.h"

namespace ldm::image {

/// The part of `width` x `height` pixels whose upper left corner is (x, y); it must lie inside.
Image crop(const Image& image, int x, int y, int width, int height);

/// Left and right exchanged.
Image mirror(const Image& image);

}  // namespace ldm::image
