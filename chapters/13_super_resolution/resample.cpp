#include "chapters/13_super_resolution/resample.h"

#include <cmath>

#include "chapters/13_super_resolution/planes.h"
#include "common/image/image.h"

namespace ldm::super_resolution {
namespace {

/// Along the last axis of a plane of `height` rows.
std::vector<double> across(const float* plane, std::int64_t height, std::int64_t width,
                           const std::vector<Taps>& columns) {
    std::vector<double> result;
    for (std::int64_t y = 0; y < height; ++y)
        for (const Taps& taps : columns) {
            double sum = 0;
            for (std::size_t k = 0; k < taps.index.size(); ++k)
                sum += taps.weights[k] * plane[y * width + taps.index[k]];
            result.push_back(sum);
        }
    return result;
}

}  // namespace

bool is_possible_size(double width, double height) {
    return width > 0 && height > 0 && width <= image::largest_side &&
           height <= image::largest_side &&
           width * height <= static_cast<double>(image::most_pixels);
}

double keys_cubic(double x, double a) {
    x = std::abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return 0;
}

Tensor resample(const Tensor& x, const std::vector<Taps>& rows, const std::vector<Taps>& columns) {
    const std::int64_t height = x.dim(2), width = x.dim(3), wide = std::ssize(columns);
    return map_planes(x, std::ssize(rows), wide, [&](const float* from, float* to) {
        const std::vector<double> middle = across(from, height, width, columns);
        for (const Taps& taps : rows)
            for (std::int64_t j = 0; j < wide; ++j) {
                double sum = 0;
                for (std::size_t k = 0; k < taps.index.size(); ++k)
                    sum += taps.weights[k] * middle[taps.index[k] * wide + j];
                *to++ = static_cast<float>(sum);
            }
    });
}

}  // namespace ldm::super_resolution
