#pragma once

#include <span>
#include <string>

#include "common/figures/canvas.h"
#include "common/figures/color_map.h"
#include "common/tensor/tensor.h"

namespace ldm::figures {

/// A picture of a matrix, one pixel a value: [rows, columns] row-major. `low` and `high` are the
/// numbers at the ends of the map.
image::Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map, float low,
                      float high);

/// The same over the range of the values themselves (for `diverging`: up to the largest magnitude).
image::Image heat_map(std::span<const float> values, int rows, int columns, ColorMap map);

/// Channel c of picture n of x [N, C, H, W] as a heat map.
image::Image channel_map(const Tensor& x, std::int64_t n, std::int64_t c, ColorMap map, float low,
                         float high);

/// Lays a map of weights in [0, 1] over a picture of any size: bright where the weight is high, dim
/// where it is low.
image::Image overlay(const image::Image& picture, std::span<const float> weights, int rows,
                     int columns);

/// What the colours of a map stand for.
struct ColorScale {
    ColorMap map;
    /// at the two ends
    std::string low, high;
    /// behind them: what is measured
    std::string label;
};

inline constexpr double color_scale_height = 20;

/// A strip of the map's colours between the numbers at its ends, from `corner` to the right.
void draw_color_scale(Canvas& canvas, Point corner, const ColorScale& scale);

}  // namespace ldm::figures
