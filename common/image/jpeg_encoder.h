#pragma once

#include <cstddef>
#include <vector>

#include "common/image/image.h"

namespace ldm::image {

/// The picture as a baseline JPEG by libjpeg: the standard's tables scaled by `quality` (1 to 100),
/// colours at half the resolution in both directions (4:2:0). Throws ldm::Error with the reason.
[[nodiscard]] std::vector<std::byte> encode_jpeg(const Image& picture, int quality);

}  // namespace ldm::image
