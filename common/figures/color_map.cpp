#include "common/figures/color_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace ldm::figures {
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
constexpr std::array<Color, 2> grey = {{image::black, image::white}};
// After Moreland, "Diverging color maps for scientific visualization", 2009, but white in the
// middle.
constexpr std::array<Color, 5> diverging = {
    {{33, 82, 163}, {125, 166, 222}, image::white, {238, 144, 112}, {178, 24, 43}}};

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
    return image::black;
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

}  // namespace ldm::figures
