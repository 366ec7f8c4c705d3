#pragma once

#include <string>
#include <vector>

#include "common/image/image.h"

namespace ldm::image {

struct Bar {
    std::string name;
    float value;
};

/// A horizontal bar for each value, from 0 to the largest, with its name at the left and the number
/// at its end; the `marked` bar is drawn in a stronger colour.
Image bar_chart(const std::vector<Bar>& bars, const std::string& title, int marked = -1,
                int width = 900);

}  // namespace ldm::image
