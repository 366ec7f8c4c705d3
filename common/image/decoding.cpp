#include "common/image/decoding.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::image {

Extent checked_extent(std::uint32_t width, std::uint32_t height) {
    if (width == 0 || height == 0) throw Error("it has no pixels");
    if (width > largest_side || height > largest_side)
        throw Error(fmt::format("{}x{} is larger than {} on a side", width, height, largest_side));
    if (std::int64_t{width} * height > most_pixels)
        throw Error(fmt::format("{}x{} is more than {} million pixels; make it smaller first",
                                width, height, most_pixels / 1'000'000));
    return {static_cast<int>(width), static_cast<int>(height)};
}

void put_on_white(std::span<const std::uint8_t> rgba, std::span<std::uint8_t> rgb) {
    for (std::size_t i = 0; 3 * i < rgb.size(); ++i) {
        const int alpha = rgba[4 * i + 3];
        for (std::size_t c = 0; c < 3; ++c)
            rgb[3 * i + c] = static_cast<std::uint8_t>(
                (rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}

}  // namespace ldm::image
