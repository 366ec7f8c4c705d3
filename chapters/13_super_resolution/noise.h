#pragma once

#include <array>
#include <cstdint>

#include "common/random/torch_random.h"
#include "common/tensor/tensor.h"

/// Noise of sensors, for pictures x [1, 3, H, W] in [0, 1]; what leaves the range is clamped. All
/// of it comes from the seed: the same noise for the same settings and size.

namespace ldm::super_resolution {

/// What the three colours of a pixel have to do with each other: nothing (color), they are the same
/// (gray), or they have this covariance.
enum class NoiseKind { color, gray, correlated };

struct Noise {
    NoiseKind kind = NoiseKind::color;
    /// the standard deviation of color and gray, in [0, 1]
    double deviation = 0;
    /// of correlated: 3x3, row by row
    std::array<double, 9> covariance = {};
    std::uint64_t seed = 0;
};

/// L^2 |U^T D U|: U orthogonal and D diagonal in [0, 1], both drawn by lot; |.| of each entry, so
/// that colours never go against each other.
[[nodiscard]] std::array<double, 9> random_covariance(double largest_deviation,
                                                      random::TorchGenerator& generator);

/// Normal noise, added: x + n.
[[nodiscard]] Tensor add_gaussian_noise(const Tensor& x, const Noise& noise);

/// Normal noise in proportion to the brightness, as of a laser or of radar: x + x n.
[[nodiscard]] Tensor add_speckle_noise(const Tensor& x, const Noise& noise);

struct PoissonNoise {
    /// how many photons are counted where x is 1
    double peak = 1000;
    /// counted once for all three colours, by their brightness, instead of each
    bool gray = false;
    std::uint64_t seed = 0;
};

/// Shot noise: each pixel, first rounded to a byte, is counted photon by photon.
[[nodiscard]] Tensor add_poisson_noise(const Tensor& x, const PoissonNoise& noise);

}  // namespace ldm::super_resolution
