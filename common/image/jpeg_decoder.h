#pragma once

#include <cstddef>
#include <span>

#include "common/image/image.h"

namespace ldm::image {

/// Width and height of a JPEG from its headers alone, as the sensor saw it (exif.h says how it was
/// held). Throws ldm::Error with the reason.
Extent jpeg_extent(std::span<const std::byte> file);

/// The pixels of a JPEG (grey, YCbCr, CMYK; baseline or progressive), read by libjpeg. Throws
/// ldm::Error with the reason, also when some of the picture is missing: the library alone would
/// fill it with grey. Whoever calls has checked jpeg_extent().
Image decode_jpeg(std::span<const std::byte> file);

}  // namespace ldm::image
