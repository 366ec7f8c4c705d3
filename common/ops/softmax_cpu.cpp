#include "common/ops/softmax_cpu.h"

#include "common/ops/parallel.h"

#include <cmath>

namespace ldm::ops::cpu {
namespace {

/// Calls work(row index) for every row along the last axis.
template <class Work>
void for_rows(const Tensor& x, const Work& work) {
    const std::int64_t length = x.dim(-1), rows = x.size() / std::max<std::int64_t>(length, 1);
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / 8 / std::max<std::int64_t>(length, 1));
    parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) work(row);
    });
}

}  // namespace

void softmax_row(float* row, std::int64_t length) {
    const float highest = *std::max_element(row, row + length);
    float sum = 0.0f;
    for (std::int64_t i = 0; i < length; ++i) sum += row[i] = std::exp(row[i] - highest);
    for (std::int64_t i = 0; i < length; ++i) row[i] /= sum;
}

Tensor softmax(const Tensor& x) {
    Tensor y = Tensor::from(x.shape(), x.values());
    for_rows(y, [&](std::int64_t row) { softmax_row(y.data() + row * y.dim(-1), y.dim(-1)); });
    return y;
}

/// dx = y (dy - sum(dy y))
Tensor softmax_backward(const Tensor& y, const Tensor& dy) {
    Tensor dx(y.shape());
    const std::int64_t length = y.dim(-1);
    for_rows(y, [&](std::int64_t row) {
        const float* p = y.data() + row * length;
        const float* flow = dy.data() + row * length;
        float* out = dx.data() + row * length;
        double dot = 0.0;
        for (std::int64_t i = 0; i < length; ++i) dot += static_cast<double>(p[i]) * flow[i];
        for (std::int64_t i = 0; i < length; ++i) out[i] = p[i] * (flow[i] - static_cast<float>(dot));
    });
    return dx;
}

Tensor log_softmax(const Tensor& x) {
    Tensor y(x.shape());
    const std::int64_t length = x.dim(-1);
    for_rows(x, [&](std::int64_t row) {
        const float* in = x.data() + row * length;
        float* out = y.data() + row * length;
        const float highest = *std::max_element(in, in + length);
        double sum = 0.0;
        for (std::int64_t i = 0; i < length; ++i) sum += std::exp(in[i] - highest);
        const float log_sum = static_cast<float>(std::log(sum));
        for (std::int64_t i = 0; i < length; ++i) out[i] = in[i] - highest - log_sum;
    });
    return y;
}

/// dx = dy - exp(y) sum(dy)
Tensor log_softmax_backward(const Tensor& y, const Tensor& dy) {
    Tensor dx(y.shape());
    const std::int64_t length = y.dim(-1);
    for_rows(y, [&](std::int64_t row) {
        const float* log_p = y.data() + row * length;
        const float* flow = dy.data() + row * length;
        float* out = dx.data() + row * length;
        double sum = 0.0;
        for (std::int64_t i = 0; i < length; ++i) sum += flow[i];
        for (std::int64_t i = 0; i < length; ++i)
            out[i] = flow[i] - std::exp(log_p[i]) * static_cast<float>(sum);
    });
    return dx;
}

}  // namespace ldm::ops::cpu
