#include "common/image/color_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/error.h"
#include "common/image/resize.h"

namespace ldm::image {
namespace {

// Nine points each of the maps by Smith and van der Walt (matplotlib, 2015).
constexpr std::array<Color, 9> viridis = {{{68, 1, 84},
                                           {71, 44, 122},
                                           {59, 81, 139},
                                           {44, 113, 142},
                                           {33, 144, 141},
                                           {39, 173, 129},
                                           {92, 200, 99},
                                           {170, 220, 50},
                                           {253, 231, 37}}};
constexpr std::array<Color, 9> magma = {{{0, 0, 4},
                                         {28, 16, 68},
                                         {79, 18, 123},
                                         {129, 37, 129},
                                         {181, 54, 122},
                                         {229, 80, 100},
                                         {251, 135, 97},
                                         {254, 194, 135},
                                         {252, 253, 191}}};
constexpr std::array<Color, 2> grey = {{black, white}};
// After Moreland, "Diverging color maps for scientific visualization", 2009, but white in the
// middle.
constexpr std::array<Color, 5> diverging = {
    {{33, 82, 163}, {125, 166, 222}, white, {238, 144, 112}, {178, 24, 43}}};

Color interpolate(std::span<const Color> points, float position) {
    const float scaled = std::clamp(position, 0.0f, 1.0f) * static_cast<float>(points.size() - 1);
    const auto index = std::min(static_cast<std::size_t>(scaled), points.size() - 2);
    return mix(points[index], points[index + 1], scaled - static_cast<float>(index));
}

}  // namespace

Color mix(Color a, Color b, float amount) {
    const auto channel = [&](std::uint8_t from, std::uint8_t to) {
        return static_cast<std::uint8_t>(std::lround(std::clamp(
            static_cast<float>(from) + amount * static_cast<float>(to - from), 0.0f, 255.0f)));
    };
    return {channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b)};
}

Color map_color(ColorMap map, float value) {
    if (std::isnan(value)) return {128, 128, 128};
    switch (map) {
        case ColorMap::grey:
            return interpolate(grey, value);
        case ColorMap::viridis:
            return interpolate(viridis, value);
        case ColorMap::magma:
            return interpolate(magma, value);
        case ColorMap::diverging:
            return interpolate(diverging, (value + 1) / 2);
    }
    return black;
}

Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map, float low,
               float high) {
    expect(rows >= 0 && columns >= 0 &&
               values.size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns),
           fmt::format("expected {}x{} values, got {}", rows, columns, values.size()));
    const float range = high > low ? high - low : 1;
    Image image(columns, rows);
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

Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map) {
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

Image overlay(const Image& picture, std::span<const float> weights, int rows, int columns) {
    const Image heat = resize(heat_map(weights, rows, columns, ColorMap::grey, 0, 1), picture.width,
                              picture.height, Filter::bilinear);
    Image result = picture;
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

Color curve_color(std::size_t index) {
    constexpr std::array<Color, 7> colors = {{{0, 114, 178},
                                              {213, 94, 0},
                                              {0, 158, 115},
                                              {204, 121, 167},
                                              {230, 159, 0},
                                              {86, 180, 233},
                                              {90, 90, 90}}};
    return colors[index % colors.size()];
}

}  // namespace ldm::image
