#pragma once

#include <string>
#include <vector>

#include "common/image/image.h"

namespace ldm::program {

/// What stands above the columns and at the left of the rows; either may be empty for one of them.
struct GridLabels {
    std::vector<std::string> columns, rows;
};

/// How large a grid of such cells will be, row by row. Throws an Error if that is more than a
/// picture may be.
[[nodiscard]] image::Extent grid_extent(const GridLabels& labels,
                                        const std::vector<image::Extent>& cells);

/// The cells as they are, pixel by pixel, with their labels.
[[nodiscard]] image::Image grid_picture(const GridLabels& labels,
                                        const std::vector<image::Image>& cells);

}  // namespace ldm::program
