#pragma once

#include <cstddef>
#include <span>

#include "common/image/image.h"

namespace ldm::image {

/// Width and height of a PNG from its first chunk alone. Throws ldm::Error with the reason.
Extent png_extent(std::span<const std::byte> file);

/// The pixels of a PNG of any kind (grey, palette, 16 bits, interlaced), read by libpng. What is
/// transparent lies on white; colour profiles and gamma are ignored, as PIL ignores them. Throws
/// ldm::Error with the reason, also when a checksum is wrong or the file ends too early.
/// Whoever calls has checked png_extent().
Image decode_png(std::span<const std::byte> file);

/// How opaque each of its pixels is, 255 everywhere for a PNG without transparency. Throws like
/// decode_png.
std::vector<std::uint8_t> decode_png_alpha(std::span<const std::byte> file);

}  // namespace ldm::image
