#include "common/ops/reference/reference.h"

namespace ldm::ops::reference {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options) {
    const auto [n_end, c_end, height, width] = x.dims<4>();
    const auto [o_end, in, kernel_h, kernel_w] = weight.dims<4>();
    const auto [top, left, bottom, right] = options.padding;
    const std::int64_t s = options.stride;
    Tensor y({n_end, o_end, (height + top + bottom - kernel_h) / s + 1,
              (width + left + right - kernel_w) / s + 1});
    float* out = y.data();
    for (std::int64_t n = 0; n < n_end; ++n)
        for (std::int64_t o = 0; o < o_end; ++o)
            for (std::int64_t i = 0; i < y.dim(2); ++i)
                for (std::int64_t j = 0; j < y.dim(3); ++j) {
                    double sum = bias ? bias.data()[o] : 0.0;
                    for (std::int64_t c = 0; c < c_end; ++c)
                        for (std::int64_t u = 0; u < kernel_h; ++u)
                            for (std::int64_t v = 0; v < kernel_w; ++v) {
                                const std::int64_t row = i * s + u - top, column = j * s + v - left;
                                if (row < 0 || row >= height || column < 0 || column >= width)
                                    continue;
                                const double w =
                                    weight.data()[((o * c_end + c) * kernel_h + u) * kernel_w + v];
                                sum +=
                                    w * x.data()[((n * c_end + c) * height + row) * width + column];
                            }
                    *out++ = static_cast<float>(sum);
                }
    return y;
}

}  // namespace ldm::ops::reference
