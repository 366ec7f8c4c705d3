#include <cmath>

#include "common/ops/reference/reference.h"

namespace ldm::ops::reference {
namespace {

/// (x - mean) / sqrt(variance + eps) of `length` numbers.
void normalize(const float* x, float* y, std::int64_t length, float eps) {
    double mean = 0.0, variance = 0.0;
    for (std::int64_t i = 0; i < length; ++i) mean += x[i] / static_cast<double>(length);
    for (std::int64_t i = 0; i < length; ++i)
        variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(length);
    for (std::int64_t i = 0; i < length; ++i)
        y[i] = static_cast<float>((x[i] - mean) / std::sqrt(variance + eps));
}

}  // namespace

Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                  float eps) {
    const std::int64_t n = x.dim(0), channels = x.dim(1);
    const std::int64_t pixels = element_count(Shape(x.shape().begin() + 2, x.shape().end()));
    const std::int64_t length = channels / groups * pixels;
    Tensor y(x.shape());
    for (std::int64_t g = 0; g < n * groups; ++g)
        normalize(x.data() + g * length, y.data() + g * length, length, eps);
    for (std::int64_t i = 0; i < y.size(); ++i) {
        const std::int64_t c = i / pixels % channels;
        y.data()[i] = y.data()[i] * weight.data()[c] + bias.data()[c];
    }
    return y;
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    const std::int64_t width = x.dim(-1);
    Tensor y(x.shape());
    for (std::int64_t i = 0; i < x.size(); i += width)
        normalize(x.data() + i, y.data() + i, width, eps);
    for (std::int64_t i = 0; i < y.size(); ++i)
        y.data()[i] = y.data()[i] * weight.data()[i % width] + bias.data()[i % width];
    return y;
}

}  // namespace ldm::ops::reference
