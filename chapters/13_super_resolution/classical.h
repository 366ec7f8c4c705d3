#pragma once

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// How papers before BSRGAN made a small picture of a large one, x [1, 3, H, W]: three orders of
/// blur and reduction by `scale`, without any noise. The blur takes what is beyond an edge from the
/// opposite one (Border::wrap), as a product of Fourier transforms would.
/// Each throws an Error where nothing is left of the picture.

/// imresize alone.
[[nodiscard]] Tensor bicubic_degradation(const Tensor& x, int scale);
/// Blur, then imresize (SRMD: Zhang et al., 2018).
[[nodiscard]] Tensor srmd_degradation(const Tensor& x, const Tensor& kernel, int scale);
/// imresize, then blur (DPSR: Zhang et al., 2019).
[[nodiscard]] Tensor dpsr_degradation(const Tensor& x, const Tensor& kernel, int scale);
/// Blur, then every scale-th pixel.
[[nodiscard]] Tensor classical_degradation(const Tensor& x, const Tensor& kernel, int scale);

/// Every stride-th pixel of every stride-th row of x [N, C, H, W], from the first on.
[[nodiscard]] Tensor every_pixel(const Tensor& x, int stride);

}  // namespace ldm::super_resolution
