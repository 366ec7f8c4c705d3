#include "chapters/13_super_resolution/noise.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "chapters/13_super_resolution/poisson.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::super_resolution {
namespace {

using Matrix3 = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;

Tensor normal(const Shape& shape, random::TorchGenerator& generator) {
    Tensor x(shape);
    generator.normal(x.values());
    return x;
}

/// A with A A^T = the covariance, so that A n has it when n has the identity. One that only just is
/// a covariance gets zeros where Cholesky's roots would be of negative roundings.
Matrix3 root_of(const std::array<double, 9>& covariance) {
    const Matrix3 c = Eigen::Map<const Matrix3>(covariance.data());
    Matrix3 a = Matrix3::Zero();
    for (int j = 0; j < 3; ++j) {
        a(j, j) = std::sqrt(std::max(0.0, c(j, j) - a.row(j).squaredNorm()));
        for (int i = j + 1; i < 3 && a(j, j) > 0; ++i)
            a(i, j) = (c(i, j) - a.row(i).dot(a.row(j))) / a(j, j);
    }
    return a;
}

Tensor correlated(const Tensor& n, const std::array<double, 9>& covariance) {
    const Matrix3 a = root_of(covariance);
    const std::int64_t pixels = n.size() / 3;
    Tensor y(n.shape());
    for (std::int64_t p = 0; p < pixels; ++p) {
        Eigen::Vector3d color;
        for (int c = 0; c < 3; ++c) color[c] = n.data()[c * pixels + p];
        color = a * color;
        for (int c = 0; c < 3; ++c) y.data()[c * pixels + p] = static_cast<float>(color[c]);
    }
    return y;
}

//! [noise]
Tensor noise_for(const Tensor& x, const Noise& noise) {
    random::TorchGenerator generator(noise.seed);
    const auto [width, height] = extent_of(x);
    const auto deviation = static_cast<float>(noise.deviation);
    switch (noise.kind) {
        case NoiseKind::color:
            return deviation * normal({1, 3, height, width}, generator);
        case NoiseKind::gray:
            return deviation *
                   ops::broadcast_to(normal({1, 1, height, width}, generator), x.shape());
        case NoiseKind::correlated:
            break;
    }
    return correlated(normal({1, 3, height, width}, generator), noise.covariance);
}
//! [noise]

/// Red, green and blue by how bright they are [1, 1, H, W].
Tensor brightness(const Tensor& x) {
    const std::vector<Tensor> colors = ops::chunk(x, 3, 1);
    return 0.299f * colors[0] + 0.587f * colors[1] + 0.114f * colors[2];
}

/// Numbers in [0, 1] at the nearest 255th.
Tensor rounded_to_bytes(const Tensor& x) {
    Tensor y(x.shape());
    for (std::int64_t i = 0; i < x.size(); ++i)
        y.data()[i] = std::nearbyint(255.0f * std::clamp(x.data()[i], 0.0f, 1.0f)) / 255.0f;
    return y;
}

Tensor counted(const Tensor& x, const PoissonNoise& noise) {
    random::TorchGenerator generator(noise.seed);
    Tensor y(x.shape());
    for (std::int64_t i = 0; i < x.size(); ++i)
        y.data()[i] = static_cast<float>(
            draw_poisson(noise.peak * static_cast<double>(x.data()[i]), generator) / noise.peak);
    return y;
}

}  // namespace

std::array<double, 9> random_covariance(double largest_deviation,
                                        random::TorchGenerator& generator) {
    std::array<float, 12> uniform;
    generator.uniform(uniform);
    Matrix3 diagonal = Matrix3::Zero(), any;
    for (int i = 0; i < 3; ++i) diagonal(i, i) = uniform[i];
    for (int i = 0; i < 9; ++i) any(i / 3, i % 3) = uniform[3 + i];
    // the left singular vectors of any matrix are orthogonal
    const Eigen::Matrix3d u =
        Eigen::JacobiSVD<Eigen::Matrix3d>(any, Eigen::ComputeFullU | Eigen::ComputeFullV).matrixU();
    const Matrix3 covariance =
        largest_deviation * largest_deviation * (u.transpose() * diagonal * u).cwiseAbs();
    std::array<double, 9> result;
    Eigen::Map<Matrix3>(result.data()) = covariance;
    return result;
}

Tensor add_gaussian_noise(const Tensor& x, const Noise& noise) {
    return ops::clamp(x + noise_for(x, noise), 0, 1);
}

Tensor add_speckle_noise(const Tensor& x, const Noise& noise) {
    const Tensor inside = ops::clamp(x, 0, 1);
    return ops::clamp(inside + inside * noise_for(x, noise), 0, 1);
}

Tensor add_poisson_noise(const Tensor& x, const PoissonNoise& noise) {
    expect(noise.peak > 0 && noise.peak <= 1e9, "a peak is above 0 and at most 1e9");
    const Tensor bytes = rounded_to_bytes(x);
    if (!noise.gray) return ops::clamp(counted(bytes, noise), 0, 1);
    const Tensor gray = rounded_to_bytes(brightness(bytes));
    return ops::clamp(bytes + (counted(gray, noise) - gray), 0, 1);
}

}  // namespace ldm::super_resolution
