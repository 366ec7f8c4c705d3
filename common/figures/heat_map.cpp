#include "common/figures/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/error.h"
#include "common/image/resize.h"
#include "common/ops/transfer.h"

namespace ldm::figures {

image::Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map, float low,
                      float high) {
    expect(rows >= 0 && columns >= 0 &&
               values.size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns),
           fmt::format("expected {}x{} values, got {}", rows, columns, values.size()));
    const float range = high > low ? high - low : 1;
    image::Image image(columns, rows);
    for (int y = 0; y < rows; ++y)
        for (int x = 0; x < columns; ++x) {
            float position =
                (values[static_cast<std::size_t>(y) * static_cast<std::size_t>(columns) +
                        static_cast<std::size_t>(x)] -
                 low) /
                range;
            if (map == ColorMap::diverging) position = 2 * position - 1;
            image.set(x, y, map_color(map, position));
        }
    return image;
}

image::Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map) {
    float low = 0, high = 0;
    if (!values.empty()) {
        const auto [smallest, largest] = std::minmax_element(values.begin(), values.end());
        low = *smallest;
        high = *largest;
    }
    if (map == ColorMap::diverging) {
        high = std::max(std::abs(low), std::abs(high));
        low = -high;
    }
    return heat_map(values, rows, columns, map, low, high);
}

image::Image overlay(const image::Image& picture, std::span<const float> weights, int rows,
                     int columns) {
    const image::Image heat = image::resize(heat_map(weights, rows, columns, ColorMap::grey, 0, 1),
                                            picture.width, picture.height, image::Filter::bilinear);
    image::Image result = picture;
    for (int y = 0; y < picture.height; ++y)
        for (int x = 0; x < picture.width; ++x) {
            const float weight = static_cast<float>(heat.at(x, y).r) / 255;
            // Dim places keep a shadow of the picture, strong ones show it in a warm light.
            const Color tint = map_color(ColorMap::magma, weight);
            result.set(x, y,
                       mix(mix(picture.at(x, y), tint, 0.75f), picture.at(x, y), 0.6f * weight));
        }
    return result;
}

image::Image channel_map(const Tensor& x, std::int64_t n, std::int64_t c, ColorMap map, float low,
                         float high) {
    const auto [count, channels, height, width] = x.dims<4>();
    expect(n >= 0 && n < count && c >= 0 && c < channels, "no such channel in the batch");
    const Tensor here = ops::to(x, Device::cpu);
    const auto values = here.values().subspan((n * channels + c) * height * width, height * width);
    return heat_map(values, static_cast<int>(height), static_cast<int>(width), map, low, high);
}

void draw_color_scale(Canvas& canvas, Point corner, const ColorScale& scale) {
    constexpr int steps = 128;
    constexpr double strip = 160, space = 8;
    std::vector<float> values(steps);
    for (int i = 0; i < steps; ++i) values[i] = static_cast<float>(i);
    const double middle = corner.y + color_scale_height / 2;
    const TextStyle style{.size = small_size, .color = faint};

    canvas.text({corner.x, middle}, scale.low, style);
    const double x = std::ceil(corner.x + text_width(scale.low, small_size) + space);
    const Rectangle area{x, corner.y + 4, strip, color_scale_height - 8};
    canvas.picture(heat_map(values, 1, steps, scale.map, 0, steps - 1), area);
    canvas.frame({area.x - 1, area.y - 1, area.width + 2, area.height + 2});
    const double after = x + strip + space;
    canvas.text({after, middle}, scale.high, style);
    canvas.text({after + text_width(scale.high, small_size) + 2 * space, middle}, scale.label,
                style);
}

}  // namespace ldm::figures
