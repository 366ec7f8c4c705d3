#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/figures/canvas.h"

namespace ldm::figures {

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
    std::string title, caption, x_label, y_label;
    /// of all without title, caption and margins
    double width = 840, height = 400;
    bool log_x = false, log_y = false;
    /// otherwise from the values
    std::optional<std::pair<float, float>> x_range = {}, y_range = {};
};

/// Curves over axes with round numbers, and a legend when there is more than one, on as many lines
/// as it needs, as a figure. What has no place on a logarithmic axis leaves a gap. Throws
/// ldm::Error for a curve with another number of x than of y.
[[nodiscard]] Canvas plot(const std::vector<Curve>& curves, const PlotStyle& style);

}  // namespace ldm::figures
