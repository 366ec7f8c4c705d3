#pragma once

#include <cstdint>
#include <vector>

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// What one output pixel takes along one axis: weights[k] of the input pixel index[k].
struct Taps {
    std::vector<std::int64_t> index;
    std::vector<double> weights;
};

/// Every plane of x [N, C, H, W] at the size of the taps. Filters of pictures at another size are
/// separable: they differ in nothing but their taps.
[[nodiscard]] Tensor resample(const Tensor& x, const std::vector<Taps>& rows,
                              const std::vector<Taps>& columns);

/// Whether a picture may have this size: some pixels, and no more than image::most_pixels.
[[nodiscard]] bool is_possible_size(double width, double height);

/// R. Keys' cubic (1981): a piecewise polynomial through 1 at 0 and 0 at all other whole numbers, 0
/// from 2 on, whose slope at 1 is `a`. MATLAB and PIL take a = -0.5, which reproduces parabolas,
/// OpenCV and PyTorch -0.75, which is sharper.
[[nodiscard]] double keys_cubic(double x, double a);

}  // namespace ldm::super_resolution
