#include "chapters/13_super_resolution/metrics.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <vector>

#include "chapters/02_vae/reconstruction.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::super_resolution {
namespace {

constexpr int window = 11;

/// Without what is within `border` pixels of the edges.
Tensor inside(const Tensor& x, int border, std::int64_t least) {
    const auto [n, channels, height, width] = x.dims<4>();
    if (border < 0 || height - 2 * border < least || width - 2 * border < least)
        throw Error(fmt::format(
            "Pictures of {}x{} pixels without {} at each edge cannot be compared: at least {} "
            "in each direction are needed",
            width, height, border, least));
    return ops::slice(ops::slice(x, 2, border, height - border), 3, border, width - border);
}

std::array<double, window> gaussian_window() {
    std::array<double, window> weights;
    double sum = 0;
    for (int i = 0; i < window; ++i) sum += weights[i] = std::exp(-0.5 * (i - 5) * (i - 5) / 2.25);
    for (double& weight : weights) weight /= sum;
    return weights;
}

/// A table of rows.
struct Map {
    std::int64_t height, width;
    std::vector<double> values;
};

/// The weighted mean of each window that lies inside.
Map means(const Map& x) {
    static const std::array<double, window> weights = gaussian_window();
    Map across{x.height, x.width - window + 1, {}};
    for (std::int64_t y = 0; y < across.height; ++y)
        for (std::int64_t j = 0; j < across.width; ++j) {
            double sum = 0;
            for (int k = 0; k < window; ++k) sum += weights[k] * x.values[y * x.width + j + k];
            across.values.push_back(sum);
        }
    Map both{x.height - window + 1, across.width, {}};
    for (std::int64_t i = 0; i < both.height; ++i)
        for (std::int64_t j = 0; j < both.width; ++j) {
            double sum = 0;
            for (int k = 0; k < window; ++k)
                sum += weights[k] * across.values[(i + k) * across.width + j];
            both.values.push_back(sum);
        }
    return both;
}

Map product(const Map& a, const Map& b) {
    Map result{a.height, a.width, {}};
    for (std::size_t i = 0; i < a.values.size(); ++i)
        result.values.push_back(a.values[i] * b.values[i]);
    return result;
}

//! [ssim]
double ssim_of_plane(const Map& a, const Map& b) {
    constexpr double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    const Map mean_a = means(a), mean_b = means(b), square_a = means(product(a, a)),
              square_b = means(product(b, b)), both = means(product(a, b));
    double sum = 0;
    for (std::size_t i = 0; i < both.values.size(); ++i) {
        const double ma = mean_a.values[i], mb = mean_b.values[i];
        const double variance_a = square_a.values[i] - ma * ma,
                     variance_b = square_b.values[i] - mb * mb,
                     covariance = both.values[i] - ma * mb;
        sum += (2 * ma * mb + c1) * (2 * covariance + c2) /
               ((ma * ma + mb * mb + c1) * (variance_a + variance_b + c2));
    }
    return sum / static_cast<double>(both.values.size());
}
//! [ssim]

Map plane_of(const Tensor& x, std::int64_t plane) {
    const auto [n, channels, height, width] = x.dims<4>();
    const float* from = x.data() + plane * height * width;
    return {height, width, {from, from + height * width}};
}

}  // namespace

//! [psnr]
double psnr(const Tensor& a, const Tensor& b, int border) {
    expect_shape(b, a.shape());
    // chapter 02 has pictures in [-1, 1]
    return vae::psnr(2.0f * inside(a, border, 1), 2.0f * inside(b, border, 1));
}
//! [psnr]

double ssim(const Tensor& a, const Tensor& b, int border) {
    expect_shape(b, a.shape());
    const Tensor x = inside(a, border, window), y = inside(b, border, window);
    const std::int64_t planes = x.dim(0) * x.dim(1);
    double sum = 0;
    for (std::int64_t plane = 0; plane < planes; ++plane)
        sum += ssim_of_plane(plane_of(x, plane), plane_of(y, plane));
    return sum / static_cast<double>(planes);
}

}  // namespace ldm::super_resolution
