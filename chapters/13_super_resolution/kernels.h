#pragma once

#include <array>

#include "common/tensor/tensor.h"

/// Blur kernels, [h, w]. What is called a Gaussian has the sum 1.

namespace ldm::super_resolution {

/// The normal distribution whose axes have the variances l1 and l2 (both above 0, in pixels
/// squared); the first is turned by `theta` from the right downwards.
[[nodiscard]] Tensor anisotropic_gaussian(int size, double theta, double l1, double l2);

/// The same in all directions, with the standard deviation `sigma`; what is less than 2.2e-16 of
/// the largest is 0. MATLAB's fspecial("gaussian"). The limit for sigma 0 is one pixel, 1.
[[nodiscard]] Tensor fspecial_gaussian(int size, double sigma);

/// MATLAB's fspecial("laplacian"), 3x3: what a pixel differs from those around it; alpha in [0, 1]
/// is how much the corners count. Its sum is 0.
[[nodiscard]] Tensor fspecial_laplacian(double alpha);

/// What blurring by `kernel` and halving, twice, is when both blurs come first: the kernel, spread
/// by two and blurred by itself; the outer n/2 on each side are cut off. From KernelGAN.
[[nodiscard]] Tensor analytic_kernel(const Tensor& kernel);

/// The kernel moved by (scale - 1) / 2 pixels, between pixels by bilinear interpolation. Keeping
/// every `scale`-th pixel from the first one on takes the upper left one of each block; blurred by
/// a kernel that is moved, it is what the middle of the block would be.
[[nodiscard]] Tensor shift_pixel(const Tensor& kernel, int scale, bool upper_left = true);

/// A normal distribution drawn by lot, for a model of scale factors: see gen_kernel.
struct RandomGaussian {
    int width = 15, height = 15;
    std::array<double, 2> scale = {4, 4};
    double min_variance = 0.6, max_variance = 10;
    /// in [0, 1]: of the two variances between their limits, and of the angle between 0 and pi
    std::array<double, 3> uniform = {};
    /// each weight is multiplied by 1 + noise_level (2 u - 1)
    double noise_level = 0;
    /// u of each weight, [height, width]
    Tensor uniform_field = {};
};

/// Its centre stands where shift_pixel would move it to.
[[nodiscard]] Tensor gen_kernel(const RandomGaussian& settings);

}  // namespace ldm::super_resolution
