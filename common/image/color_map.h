#pragma once

#include <cstddef>
#include <span>

#include "common/image/image.h"

namespace ldm::image {

/// A colour for a number. `viridis` and `magma` run from dark to bright over [0, 1] and stay
/// readable in grey and for colour-blind eyes; `diverging` shows the sign over [-1, 1]: blue below,
/// white at zero, red above. Numbers outside are clamped, NaN is grey.
enum class ColorMap { grey, viridis, magma, diverging };
Color map_color(ColorMap map, float value);

/// A mixture: `amount` 0 is `a`, 1 is `b`.
Color mix(Color a, Color b, float amount);

/// A picture of a matrix, one pixel a value: [rows, columns] row-major. `low` and `high` are the
/// numbers at the ends of the map.
Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map, float low,
               float high);

/// The same over the range of the values themselves (for `diverging`: up to the largest magnitude).
Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map);

/// Lays a map of weights in [0, 1] over a picture of any size: bright where the weight is high, dim
/// where it is low.
Image overlay(const Image& picture, std::span<const float> weights, int rows, int columns);

/// Colours that tell curves apart (after Okabe and Ito, 2008).
Color curve_color(std::size_t index);

}  // namespace ldm::image
