#include "chapters/13_super_resolution/unit_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/ops/shape.h"

namespace ldm::super_resolution {

image::Extent extent_of(const Tensor& x) {
    const auto [one, channels, height, width] = x.dims<4>();
    expect(one == 1 && channels == 3 && height > 0 && width > 0,
           "expected a picture [1, 3, H, W], got " + to_string(x.shape()));
    return {static_cast<int>(width), static_cast<int>(height)};
}

image::Image to_bytes(const Tensor& x) {
    const image::Extent size = extent_of(x);
    image::Image picture(size.width, size.height);
    const std::int64_t pixels = x.size() / 3;
    for (std::int64_t c = 0; c < 3; ++c)
        for (std::int64_t p = 0; p < pixels; ++p) {
            const float value = std::clamp(x.data()[c * pixels + p], 0.0f, 1.0f);
            // nearbyint rounds to even, lround away from zero
            picture.rgb[3 * p + c] = static_cast<std::uint8_t>(std::nearbyint(255.0f * value));
        }
    return picture;
}

Tensor crop_to_multiple(const Tensor& x, int scale) {
    const image::Extent size = extent_of(x);
    if (scale < 1 || size.width < scale || size.height < scale)
        throw Error(fmt::format("Nothing is left of {}x{} pixels in multiples of {}", size.width,
                                size.height, scale));
    return ops::slice(ops::slice(x, 2, 0, size.height - size.height % scale), 3, 0,
                      size.width - size.width % scale);
}

}  // namespace ldm::super_resolution
