#include "chapters/02_vae/interpolation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/error.h"
#include "common/ops/matmul.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

/// Along one axis each method is a matrix, one row of weights for each new pixel. So the gradient
/// is that of a matrix product, and of a picture it is two: first along the rows, then the columns.
namespace ldm::vae {
namespace {

/// Keys (1981) with a = -0.75, as PyTorch and OpenCV have it.
std::array<double, 4> cubic_weights(double t) {
    constexpr double a = -0.75;
    const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far = [](double d) { return ((d - 5) * d + 8) * d * a - 4 * a; };
    return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

/// Adds a weight for pixel j, or for the pixel at the edge if j is beyond it.
void add(Tensor& matrix, std::int64_t i, std::int64_t j, double weight) {
    const std::int64_t last = matrix.dim(1) - 1;
    matrix.data()[i * matrix.dim(1) + std::clamp<std::int64_t>(j, 0, last)] +=
        static_cast<float>(weight);
}

/// Weights of the pixels around `place`.
void add_at(Tensor& matrix, std::int64_t i, double place, Interpolation method) {
    if (method == Interpolation::bilinear) place = std::max(place, 0.0);
    const auto j = static_cast<std::int64_t>(std::floor(place));
    const double t = place - static_cast<double>(j);
    if (method == Interpolation::bilinear) {
        add(matrix, i, j, 1 - t);
        add(matrix, i, j + 1, t);
    } else {
        const auto weights = cubic_weights(t);
        for (int k = 0; k < 4; ++k) add(matrix, i, j - 1 + k, weights[k]);
    }
}

/// The mean of the pixels from floor(i in / out) to ceil((i + 1) in / out).
void add_area(Tensor& matrix, std::int64_t i) {
    const auto [out, in] = matrix.dims<2>();
    const std::int64_t begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
    for (std::int64_t j = begin; j < end; ++j)
        add(matrix, i, j, 1.0 / static_cast<double>(end - begin));
}

/// As PyTorch has it: as many pixels, or twice as many, are their own rule, whatever the step; and
/// the product is in float32, in double precision it may fall on the other side of a whole number.
std::int64_t nearest_place(std::int64_t i, std::int64_t in, std::int64_t out, double step) {
    if (out == in) return i;
    if (out == 2 * in) return i / 2;
    return static_cast<std::int64_t>(std::floor(static_cast<float>(i) * static_cast<float>(step)));
}

/// [out, in]: from one new pixel to the next are `step` old ones.
Tensor resizing(std::int64_t in, std::int64_t out, double step, Interpolation method) {
    Tensor matrix = Tensor::zeros({out, in});
    for (std::int64_t i = 0; i < out; ++i) {
        const auto number = static_cast<double>(i);
        if (method == Interpolation::area)
            add_area(matrix, i);
        else if (method == Interpolation::nearest)
            add(matrix, i, nearest_place(i, in, out, step), 1.0);
        else
            add_at(matrix, i, (number + 0.5) * step - 0.5, method);
    }
    return matrix;
}

/// [out, in] with out = in * multiplier, rounded down
Tensor rescaling(std::int64_t in, double multiplier, Interpolation method) {
    const auto out = static_cast<std::int64_t>(std::floor(static_cast<double>(in) * multiplier));
    if (out < 1) throw Error(fmt::format("{} pixels times {:g} leave none", in, multiplier));
    return resizing(in, out, 1 / multiplier, method);
}

/// [out, in]
Tensor to_size(std::int64_t in, std::int64_t out, Interpolation method) {
    if (out < 1) throw Error(fmt::format("{} pixels cannot become {}", in, out));
    return resizing(in, out, static_cast<double>(in) / static_cast<double>(out), method);
}

/// [out, in]
Tensor between_corners(std::int64_t in, std::int64_t out) {
    Tensor matrix = Tensor::zeros({out, in});
    const double step = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    for (std::int64_t i = 0; i < out; ++i)
        add_at(matrix, i, static_cast<double>(i) * step, Interpolation::bicubic);
    return matrix;
}

/// Both axes of x [N, C, H, W] by a matrix each.
Tensor resized(const Tensor& x, const Tensor& rows, const Tensor& columns) {
    const Device device = x.device();
    const Tensor wide = ops::linear(x, ops::to(columns, device));  // [N, C, H, W']
    const Tensor turned =
        ops::linear(ops::permute(wide, {0, 1, 3, 2}), ops::to(rows, device));  // [N, C, W', H']
    return ops::permute(turned, {0, 1, 3, 2});
}

}  // namespace

Interpolation interpolation_named(const std::string& name) {
    if (name == "nearest") return Interpolation::nearest;
    if (name == "bilinear") return Interpolation::bilinear;
    if (name == "bicubic") return Interpolation::bicubic;
    if (name == "area") return Interpolation::area;
    throw Error(fmt::format("'method': '{}', expected nearest, bilinear, bicubic or area", name));
}

Tensor rescaled(const Tensor& x, double multiplier, Interpolation method) {
    const auto [n, channels, height, width] = x.dims<4>();
    return resized(x, rescaling(height, multiplier, method), rescaling(width, multiplier, method));
}

Tensor resized_to(const Tensor& x, std::int64_t height, std::int64_t width, Interpolation method) {
    const auto [n, channels, rows, columns] = x.dims<4>();
    return resized(x, to_size(rows, height, method), to_size(columns, width, method));
}

Tensor resized_to_corners(const Tensor& x, std::int64_t height, std::int64_t width) {
    const auto [n, channels, rows, columns] = x.dims<4>();
    return resized(x, between_corners(rows, height), between_corners(columns, width));
}

}  // namespace ldm::vae
