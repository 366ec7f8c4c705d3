#include "common/ops/cpu/resample.h"

#include <bit>
#include <vector>

#include "common/ops/cpu/parallel.h"

namespace ldm::ops::cpu {

Tensor upsample_nearest(const Tensor& x, int factor, float value, const Shape& shape) {
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
    parallel_for(
        n * c, 1, [&, height = height, width = width](std::int64_t begin, std::int64_t end) {
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

// A branch that depends on pixels is mispredicted every other time: both functions do without.

Tensor max_pool2d(const Tensor& x, int size) {
    const auto [n, c, height, width] = x.dims<4>();
    const std::int64_t h = height / size, w = width / size;
    Tensor y({n, c, h, w});
    // or NaN
    const auto larger = [](float a, float b) { return ((b > a) | (b != b)) ? b : a; };
    parallel_for(n * c, 1,
                 [&, height = height, width = width](std::int64_t begin, std::int64_t end) {
                     // the largest of `size` rows
                     std::vector<float> columns(width);
                     for (std::int64_t row = begin * h; row < end * h; ++row) {
                         const float* in = x.data() + (row / h * height + row % h * size) * width;
                         std::copy_n(in, width, columns.data());
                         for (int u = 1; u < size; ++u)
                             for (std::int64_t j = 0; j < width; ++j)
                                 columns[j] = larger(columns[j], in[u * width + j]);
                         float* out = y.data() + row * w;
                         for (std::int64_t j = 0; j < w; ++j) {
                             float largest = columns[j * size];
                             for (int v = 1; v < size; ++v)
                                 largest = larger(largest, columns[j * size + v]);
                             out[j] = largest;
                         }
                     }
                 });
    return y;
}

Tensor max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, int size) {
    const auto [n, c, height, width] = x.dims<4>();
    const std::int64_t h = height / size, w = width / size;
    const bool covered = h * size == height && w * size == width;
    Tensor dx = covered ? Tensor(x.shape()) : Tensor::zeros(x.shape());
    parallel_for(
        n * c, 1, [&, height = height, width = width](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin * h; row < end * h; ++row) {
                const std::int64_t first = (row / h * height + row % h * size) * width;
                const float* in = x.data() + first;
                const float *largest = y.data() + row * w, *grad_output = dy.data() + row * w;
                float* out = dx.data() + first;
                for (std::int64_t j = 0; j < w; ++j) {
                    // until a pixel takes it
                    auto left = std::bit_cast<std::uint32_t>(grad_output[j]);
                    for (int u = 0; u < size; ++u)
                        for (int v = 0; v < size; ++v) {
                            const std::int64_t at = u * width + j * size + v;
                            const std::uint32_t takes = in[at] == largest[j] ? ~0u : 0u;
                            out[at] = std::bit_cast<float>(left & takes);
                            left &= ~takes;
                        }
                }
            }
        });
    return dx;
}

}  // namespace ldm::ops::cpu
