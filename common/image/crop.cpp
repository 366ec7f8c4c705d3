#include "common/image/crop.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace ldm::image {

Image crop(const Image& image, int x, int y, int width, int height) {
    expect(x >= 0 && y >= 0 && width > 0 && height > 0 && width <= image.width - x &&
               height <= image.height - y,
           fmt::format("{}x{} pixels at ({}, {}) do not lie inside of {}x{}", width, height, x, y,
                       image.width, image.height));
    Image part(width, height);
    const std::size_t row = 3 * static_cast<std::size_t>(width);
    for (int v = 0; v < height; ++v) {
        const std::size_t from =
            3 * (static_cast<std::size_t>(y + v) * static_cast<std::size_t>(image.width) +
                 static_cast<std::size_t>(x));
        std::copy_n(&image.rgb[from], row, &part.rgb[static_cast<std::size_t>(v) * row]);
    }
    return part;
}

Image mirror(const Image& image) {
    Image mirrored(image.width, image.height);
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x) mirrored.set(image.width - 1 - x, y, image.at(x, y));
    return mirrored;
}

}  // namespace ldm::image
