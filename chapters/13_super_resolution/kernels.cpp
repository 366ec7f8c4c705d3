#include "chapters/13_super_resolution/kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

namespace ldm::super_resolution {
namespace {

/// A symmetric 2x2 matrix.
struct Symmetric {
    double xx, xy, yy;
};

/// The inverse of the covariance whose axes have the variances l1, at the angle theta, and l2.
Symmetric inverse_covariance(double theta, double l1, double l2) {
    const double c = std::cos(theta), s = std::sin(theta);
    return {c * c / l1 + s * s / l2, c * s * (1 / l1 - 1 / l2), s * s / l1 + c * c / l2};
}

/// The logarithm of its density, up to a constant.
double log_density(const Symmetric& inverse, double x, double y) {
    return -0.5 * (inverse.xx * x * x + 2 * inverse.xy * x * y + inverse.yy * y * y);
}

/// Of logarithms, relative to the largest: however narrow a normal distribution is, and even if its
/// middle lies between pixels, the nearest one gets something.
std::vector<double> relative_weights(std::vector<double> logarithms) {
    const double largest = *std::max_element(logarithms.begin(), logarithms.end());
    for (double& value : logarithms) value = std::exp(value - largest);
    return logarithms;
}

Tensor normalized(const std::vector<double>& weights, std::int64_t height, std::int64_t width) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    expect(sum > 0, "a kernel that is 0 everywhere has no mean");
    Tensor kernel({height, width});
    for (std::size_t i = 0; i < weights.size(); ++i)
        kernel.data()[i] = static_cast<float>(weights[i] / sum);
    return kernel;
}

void expect_kernel_size(int size) {
    expect(size >= 1 && size <= 1023,
           fmt::format("a kernel has from 1 to 1023 pixels in a row, got {}", size));
}

}  // namespace

//! [anisotropic]
Tensor anisotropic_gaussian(int size, double theta, double l1, double l2) {
    expect_kernel_size(size);
    expect(l1 > 0 && l2 > 0, fmt::format("variances are above 0, got {} and {}", l1, l2));
    const Symmetric inverse = inverse_covariance(theta, l1, l2);
    const double middle = (size - 1) / 2.0;
    std::vector<double> logarithms;
    for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x)
            logarithms.push_back(log_density(inverse, x - middle, y - middle));
    return normalized(relative_weights(std::move(logarithms)), size, size);
}
//! [anisotropic]

Tensor fspecial_gaussian(int size, double sigma) {
    expect_kernel_size(size);
    expect(sigma > 0, fmt::format("a standard deviation is above 0, got {}", sigma));
    const double variance = sigma * sigma, middle = (size - 1) / 2.0;
    std::vector<double> weights;
    for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x)
            weights.push_back(log_density({1 / variance, 0, 1 / variance}, x - middle, y - middle));
    weights = relative_weights(std::move(weights));
    for (double& weight : weights)
        if (weight < std::numeric_limits<double>::epsilon()) weight = 0;
    return normalized(weights, size, size);
}

Tensor fspecial_laplacian(double alpha) {
    alpha = std::clamp(alpha, 0.0, 1.0);
    const auto corner = static_cast<float>(alpha / (alpha + 1)),
               edge = static_cast<float>((1 - alpha) / (alpha + 1)),
               centre = static_cast<float>(-4 / (alpha + 1));
    return Tensor::from({3, 3}, {corner, edge, corner, edge, centre, edge, corner, edge, corner});
}

Tensor analytic_kernel(const Tensor& kernel) {
    const auto [rows, columns] = kernel.dims<2>();
    // the work grows with the fourth power
    expect(rows >= 2 && columns >= 2 && rows <= 127 && columns <= 127,
           "the kernel needs from 2 to 127 rows and columns, got " + to_string(kernel.shape()));
    const std::int64_t wide = 3 * columns - 2, cut = rows / 2;
    std::vector<double> both((3 * rows - 2) * wide, 0.0);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            for (std::int64_t y = 0; y < rows; ++y)
                for (std::int64_t x = 0; x < columns; ++x)
                    both[(2 * r + y) * wide + 2 * c + x] +=
                        static_cast<double>(kernel.data()[r * columns + c]) *
                        kernel.data()[y * columns + x];
    std::vector<double> middle;
    for (std::int64_t y = cut; y < 3 * rows - 2 - cut; ++y)
        for (std::int64_t x = cut; x < wide - cut; ++x) middle.push_back(both[y * wide + x]);
    return normalized(middle, 3 * rows - 2 - 2 * cut, wide - 2 * cut);
}

Tensor shift_pixel(const Tensor& kernel, int scale, bool upper_left) {
    const auto [rows, columns] = kernel.dims<2>();
    expect(rows >= 1 && columns >= 1 && scale >= 1, "a kernel and a scale from 1 on are needed");
    const double shift = (upper_left ? 1 : -1) * (scale - 1) / 2.0;
    Tensor moved(kernel.shape());
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) {
            const double y = std::clamp(static_cast<double>(i) + shift, 0.0, rows - 1.0),
                         x = std::clamp(static_cast<double>(j) + shift, 0.0, columns - 1.0);
            const auto top = static_cast<std::int64_t>(y), left = static_cast<std::int64_t>(x);
            const auto at = [&](std::int64_t v, std::int64_t u) -> double {
                return kernel.data()[std::min(v, rows - 1) * columns + std::min(u, columns - 1)];
            };
            const double down = y - static_cast<double>(top), right = x - static_cast<double>(left);
            moved.data()[i * columns + j] = static_cast<float>(
                std::lerp(std::lerp(at(top, left), at(top, left + 1), right),
                          std::lerp(at(top + 1, left), at(top + 1, left + 1), right), down));
        }
    return moved;
}

Tensor gen_kernel(const RandomGaussian& settings) {
    expect_kernel_size(settings.width);
    expect_kernel_size(settings.height);
    expect(settings.min_variance > 0 && settings.min_variance <= settings.max_variance,
           fmt::format("variances are above 0 and the first is the smaller one, got {} and {}",
                       settings.min_variance, settings.max_variance));
    const auto variance = [&](double u) {
        return settings.min_variance + u * (settings.max_variance - settings.min_variance);
    };
    const Symmetric inverse =
        inverse_covariance(settings.uniform[2] * std::numbers::pi, variance(settings.uniform[0]),
                           variance(settings.uniform[1]));
    if (settings.noise_level != 0)
        expect_shape(settings.uniform_field, {settings.height, settings.width});
    const int half_width = settings.width / 2, half_height = settings.height / 2;
    const double middle_x = half_width - (settings.scale[0] - 1) / 2,
                 middle_y = half_height - (settings.scale[1] - 1) / 2;
    std::vector<double> weights;
    for (int y = 0; y < settings.height; ++y)
        for (int x = 0; x < settings.width; ++x) {
            const double u =
                settings.noise_level == 0 ? 0.5 : settings.uniform_field.data()[weights.size()];
            weights.push_back(std::exp(log_density(inverse, x - middle_x, y - middle_y)) *
                              (1 + settings.noise_level * (2 * u - 1)));
        }
    return normalized(weights, settings.height, settings.width);
}

}  // namespace ldm::super_resolution
