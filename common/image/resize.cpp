#include "common/image/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "common/error.h"

namespace ldm::image {
namespace {

/// What one output pixel takes along one axis: `weights[k]` of the input pixel `first + k`.
struct Taps {
    int first;
    std::vector<double> weights;
};

/// PIL computes with whole numbers: weights are multiples of 2^-22, and what the first of its two
/// passes gives is rounded to bytes. In double such sums are exact, so the pictures have the same
/// bytes as PIL's.
constexpr double fixed_point = 1 << 22;

bool is_fixed_point(Filter filter) { return filter != Filter::nearest && filter != Filter::area; }

/// R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.5.
double cubic(double x) {
    x = std::abs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

double sinc(double x) {
    const double angle = std::numbers::pi * x;
    return angle == 0 ? 1 : std::sin(angle) / angle;
}

/// How far from its centre a filter takes notice of pixels, in pixels of the coarser picture.
double radius(Filter filter) {
    switch (filter) {
        case Filter::nearest:
        case Filter::bilinear:
        case Filter::area:
            return 1;
        case Filter::bicubic:
            return 2;
        case Filter::lanczos:
            return 3;
    }
    return 0;
}

std::vector<Taps> make_taps(int in, int out, Filter filter) {
    const double scale = static_cast<double>(in) / out;
    // a pixel of the coarser picture, in input pixels
    const double coarse = std::max(scale, 1.0);
    const double reach = radius(filter) * coarse;
    std::vector<Taps> all;
    for (int i = 0; i < out; ++i) {
        const double begin = i * scale, end = (i + 1) * scale, centre = (begin + end) / 2;
        // weight of the input pixel that covers [k, k + 1]
        const auto weight = [&](int k) {
            const double distance = (k + 0.5 - centre) / coarse;
            switch (filter) {
                case Filter::nearest:
                    return std::floor(centre) == k ? 1.0 : 0.0;
                case Filter::bilinear:
                    return std::max(0.0, 1 - std::abs(distance));
                case Filter::area:
                    return std::max(0.0, std::min(end, k + 1.0) - std::max<double>(begin, k));
                case Filter::bicubic:
                    return cubic(distance);
                case Filter::lanczos:
                    return std::abs(distance) < 3 ? sinc(distance) * sinc(distance / 3) : 0.0;
            }
            return 0.0;
        };
        const int first = std::max(0, static_cast<int>(std::floor(centre - reach - 1)));
        const int last = std::min(in - 1, static_cast<int>(std::ceil(centre + reach + 1)));
        Taps taps{first, {}};
        double sum = 0;
        for (int k = first; k <= last; ++k) {
            taps.weights.push_back(weight(k));
            sum += taps.weights.back();
        }
        for (double& w : taps.weights) {
            w /= sum;
            if (is_fixed_point(filter)) w = std::round(w * fixed_point) / fixed_point;
        }
        all.push_back(std::move(taps));
    }
    return all;
}

double to_byte(double value) { return std::clamp(std::floor(value + 0.5), 0.0, 255.0); }

}  // namespace

Image resize(const Image& image, int width, int height, Filter filter) {
    expect(width > 0 && height > 0 && image.width > 0 && image.height > 0,
           fmt::format("expected sizes above 0, got {}x{} to {}x{}", image.width, image.height,
                       width, height));
    const auto columns = make_taps(image.width, width, filter);
    const auto rows = make_taps(image.height, height, filter);

    // Across first, then down.
    const auto wide = static_cast<std::size_t>(width) * 3;
    std::vector<double> across(static_cast<std::size_t>(image.height) * wide, 0.0);
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < width; ++x)
            for (std::size_t k = 0; k < columns[x].weights.size(); ++k) {
                const double weight = columns[x].weights[k];
                const Color color = image.at(columns[x].first + static_cast<int>(k), y);
                double* to =
                    &across[static_cast<std::size_t>(y) * wide + static_cast<std::size_t>(x) * 3];
                to[0] += weight * color.r;
                to[1] += weight * color.g;
                to[2] += weight * color.b;
            }
    if (is_fixed_point(filter))
        for (double& value : across) value = to_byte(value);

    Image result(width, height);
    std::vector<double> row(wide);
    for (int y = 0; y < height; ++y) {
        std::fill(row.begin(), row.end(), 0.0);
        for (std::size_t k = 0; k < rows[y].weights.size(); ++k) {
            const double* from = &across[(static_cast<std::size_t>(rows[y].first) + k) * wide];
            for (std::size_t i = 0; i < wide; ++i) row[i] += rows[y].weights[k] * from[i];
        }
        for (std::size_t i = 0; i < wide; ++i)
            result.rgb[static_cast<std::size_t>(y) * wide + i] =
                static_cast<std::uint8_t>(to_byte(row[i]));
    }
    return result;
}

}  // namespace ldm::image
