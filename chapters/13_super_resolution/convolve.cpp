#include "chapters/13_super_resolution/convolve.h"

#include <algorithm>
#include <vector>

#include "chapters/13_super_resolution/planes.h"

namespace ldm::super_resolution {
namespace {

/// A plane with what stands beyond its edges.
struct Padded {
    std::int64_t width;
    std::vector<double> values;
};

Padded padded(const float* plane, std::int64_t height, std::int64_t width, const Tensor& kernel,
              image::Border border) {
    const auto [rows, columns] = kernel.dims<2>();
    Padded result{width + columns - 1, {}};
    for (std::int64_t y = 0; y < height + rows - 1; ++y) {
        const float* row = plane + width * image::border_index(y - (rows - 1) / 2, height, border);
        for (std::int64_t x = 0; x < result.width; ++x)
            result.values.push_back(row[image::border_index(x - (columns - 1) / 2, width, border)]);
    }
    return result;
}

}  // namespace

//! [convolve]
Tensor correlate(const Tensor& x, const Tensor& kernel, image::Border border) {
    const auto [n, channels, height, width] = x.dims<4>();
    const auto [rows, columns] = kernel.dims<2>();
    expect(height > 0 && width > 0 && rows > 0 && columns > 0,
           "a picture and a kernel are needed, got " + to_string(x.shape()) + " and " +
               to_string(kernel.shape()));
    return map_planes(x, height, width, [&](const float* from, float* to) {
        const Padded plane = padded(from, height, width, kernel, border);
        std::vector<double> sums(width);
        for (std::int64_t i = 0; i < height; ++i) {
            std::fill(sums.begin(), sums.end(), 0.0);
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::int64_t c = 0; c < columns; ++c) {
                    const double weight = kernel.data()[r * columns + c];
                    const double* row = &plane.values[(i + r) * plane.width + c];
                    for (std::int64_t j = 0; j < width; ++j) sums[j] += weight * row[j];
                }
            std::copy(sums.begin(), sums.end(), to + i * width);
        }
    });
}

Tensor convolve(const Tensor& x, const Tensor& kernel, image::Border border) {
    Tensor flipped(kernel.shape());
    std::reverse_copy(kernel.values().begin(), kernel.values().end(), flipped.values().begin());
    return correlate(x, flipped, border);
}
//! [convolve]

}  // namespace ldm::super_resolution
