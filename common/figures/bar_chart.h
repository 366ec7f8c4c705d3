#pragma once

#include <string>
#include <vector>

#include "common/figures/canvas.h"

namespace ldm::figures {

struct Bar {
    std::string name;
    double value;
    /// behind the bar
    std::string text;
    /// in a stronger colour
    bool marked = false;
};

struct BarStyle {
    double width = 840;
    /// for the names, at the left
    double name_width = 240;
    /// the value of a bar as long as there is room
    double most = 1;
    double bar_height = 18, gap = 8;
};

/// A horizontal bar for each value, from 0, with its name at the left and its text at its end: a
/// part of a figure. Names that are too long are cut.
[[nodiscard]] Canvas bar_chart(const std::vector<Bar>& bars, const BarStyle& style = {});

}  // namespace ldm::figures
