#include "chapters/13_super_resolution/imresize.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/13_super_resolution/resample.h"
#include "common/image/border.h"

namespace ldm::super_resolution {
namespace {

constexpr double matlab_a = -0.5;

//! [taps]
std::vector<Taps> matlab_taps(std::int64_t in, double scale, bool antialiasing) {
    // how wide a pixel of the filter is, in input pixels
    const double stretch = scale < 1 && antialiasing ? 1 / scale : 1;
    const auto out = static_cast<std::int64_t>(std::ceil(static_cast<double>(in) * scale));
    std::vector<Taps> all;
    for (std::int64_t i = 0; i < out; ++i) {
        // pixel i covers [i, i + 1]; so does what it takes, scaled
        const double centre = (static_cast<double>(i) + 0.5) / scale - 0.5;
        const auto first = static_cast<std::int64_t>(std::floor(centre - 2 * stretch)),
                   last = static_cast<std::int64_t>(std::ceil(centre + 2 * stretch));
        Taps taps;
        double sum = 0;
        for (std::int64_t k = first; k <= last; ++k) {
            const double weight = keys_cubic((centre - static_cast<double>(k)) / stretch, matlab_a);
            if (weight == 0) continue;
            taps.index.push_back(image::border_index(k, in, image::Border::symmetric));
            taps.weights.push_back(weight);
            sum += weight;
        }
        for (double& weight : taps.weights) weight /= sum;
        all.push_back(std::move(taps));
    }
    return all;
}
//! [taps]

}  // namespace

Tensor imresize(const Tensor& x, double scale, bool antialiasing) {
    const auto [n, channels, height, width] = x.dims<4>();
    if (!is_possible_size(static_cast<double>(width) * scale, static_cast<double>(height) * scale))
        throw Error(
            fmt::format("A picture of {}x{} pixels cannot be resized by {}", width, height, scale));
    return resample(x, matlab_taps(height, scale, antialiasing),
                    matlab_taps(width, scale, antialiasing));
}

}  // namespace ldm::super_resolution
