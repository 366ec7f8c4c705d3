#include <cmath>

#include "common/ops/reference/reference.h"

namespace ldm::ops::reference {

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    const std::int64_t n = x.dim(0), channels = x.dim(1), pixels = x.size() / (n * channels);
    const double count = static_cast<double>(n * pixels);
    Tensor y(x.shape());
    for (std::int64_t c = 0; c < channels; ++c) {
        const auto at = [&](std::int64_t i) {
            return (i / pixels * channels + c) * pixels + i % pixels;
        };
        double mean = 0.0, variance = 0.0;
        for (std::int64_t i = 0; i < n * pixels; ++i) mean += x.data()[at(i)] / count;
        for (std::int64_t i = 0; i < n * pixels; ++i)
            variance += (x.data()[at(i)] - mean) * (x.data()[at(i)] - mean) / count;
        for (std::int64_t i = 0; i < n * pixels; ++i)
            y.data()[at(i)] = static_cast<float>((x.data()[at(i)] - mean) /
                                                     std::sqrt(variance + eps) * weight.data()[c] +
                                                 bias.data()[c]);
    }
    return y;
}

}  // namespace ldm::ops::reference
