#pragma once

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

/// f(from, to) for every plane of x [N, C, H, W] -> [N, C, height, width].
template <class F>
[[nodiscard]] Tensor map_planes(const Tensor& x, std::int64_t height, std::int64_t width,
                                const F& f) {
    const auto [n, channels, rows, columns] = x.dims<4>();
    Tensor y({n, channels, height, width});
    for (std::int64_t plane = 0; plane < n * channels; ++plane)
        f(x.data() + plane * rows * columns, y.data() + plane * height * width);
    return y;
}

}  // namespace ldm::super_resolution
