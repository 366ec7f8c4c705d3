#pragma once

#include <cstdint>
#include <span>

#include "common/image/image.h"

// What the decoders of all formats share.

namespace ldm::image {

/// The size that a header gives. Throws ldm::Error for one without pixels, and for one beyond
/// largest_side or most_pixels: nothing is allocated before this was asked.
Extent checked_extent(std::uint32_t width, std::uint32_t height);

/// `rgba`, 4 bytes a pixel, as it looks on white paper.
void put_on_white(std::span<const std::uint8_t> rgba, std::span<std::uint8_t> rgb);

}  // namespace ldm::image
