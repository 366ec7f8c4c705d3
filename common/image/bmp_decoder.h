#pragma once

#include <cstddef>
#include <span>

#include "common/image/image.h"

namespace ldm::image {

/// Width and height of a BMP. Throws ldm::Error with the reason, also for a header that promises
/// more than the file holds and for compressed pixels, which hardly anybody writes.
Extent bmp_extent(std::span<const std::byte> file);

/// The pixels of a BMP; what is transparent lies on white. Throws like bmp_extent(), which it calls
/// first: the decoder behind it (stb_image) sees only headers that make sense.
Image decode_bmp(std::span<const std::byte> file);

}  // namespace ldm::image
