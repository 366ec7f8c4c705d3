#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/image/image.h"

namespace ldm::image {

/// One line of a plot. Without `x` the values stand at 0, 1, 2, ...
struct Curve {
    std::string name;
    std::vector<float> y;
    std::vector<float> x = {};
    /// otherwise the next of a list that tells curves apart
    std::optional<Color> color = {};
    /// a dot for every value instead of a line through them
    bool dots = false;
};

struct PlotStyle {
    std::string title, x_label, y_label;
    int width = 900, height = 520;
    bool log_y = false;
    std::optional<std::pair<float, float>> x_range = {},
                                           /// otherwise from the values
        y_range = {};
};

/// Curves over axes with round numbers, and a legend when there is more than one.
Image plot(const std::vector<Curve>& curves, const PlotStyle& style);

}  // namespace ldm::image
