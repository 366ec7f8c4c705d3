#pragma once

#include <cstddef>
#include <span>

#include "common/image/image.h"

/// Cameras store the picture as the sensor saw it and note how it was held.

namespace ldm::image {

/// The orientation that a JPEG's Exif block notes, 1 to 8; 1 (upright) when there is none or it
/// makes no sense. CIPA DC-008, "Exchangeable image file format for digital still cameras", tag
/// 0x0112.
int exif_orientation(std::span<const std::byte> jpeg);

/// The picture turned and mirrored so that it is upright.
[[nodiscard]] Image upright(Image stored, int orientation);

}  // namespace ldm::image
