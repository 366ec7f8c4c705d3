#include "common/ops/resample_cpu.h"

#include "common/ops/parallel.h"

namespace ldm::ops::cpu {

Tensor spread_pixels(const Tensor& x, int factor, float value, const Shape& shape) {
    const auto [n, c, h, w] = x.dims<4>();
    const std::int64_t height = shape[2], width = shape[3];
    const bool covered = h * factor == height && w * factor == width;
    Tensor y = covered ? Tensor(shape) : Tensor::zeros(shape);
    parallel_for(n * c, 1, [&, h = h, w = w](std::int64_t begin, std::int64_t end) {
        for (std::int64_t plane = begin; plane < end; ++plane)
            for (std::int64_t i = 0; i < h * factor; ++i) {
                const float* in = x.data() + (plane * h + i / factor) * w;
                float* out = y.data() + (plane * height + i) * width;
                for (std::int64_t j = 0; j < w; ++j)
                    for (int k = 0; k < factor; ++k) out[j * factor + k] = in[j] * value;
            }
    });
    return y;
}

Tensor gather_blocks(const Tensor& x, int size, float value) {
    const auto [n, c, height, width] = x.dims<4>();
    const std::int64_t h = height / size, w = width / size;
    Tensor y = Tensor::zeros({n, c, h, w});
    parallel_for(n * c, 1, [&, height = height, width = width](std::int64_t begin, std::int64_t end) {
        for (std::int64_t plane = begin; plane < end; ++plane)
            for (std::int64_t i = 0; i < h; ++i) {
                float* out = y.data() + (plane * h + i) * w;
                for (int u = 0; u < size; ++u) {
                    const float* in = x.data() + (plane * height + i * size + u) * width;
                    for (std::int64_t j = 0; j < w; ++j)
                        for (int v = 0; v < size; ++v) out[j] += in[j * size + v];
                }
                for (std::int64_t j = 0; j < w; ++j) out[j] *= value;
            }
    });
    return y;
}

}  // namespace ldm::ops::cpu
