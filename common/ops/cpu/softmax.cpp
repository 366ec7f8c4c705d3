#include "common/ops/cpu/softmax.h"

#include <cmath>

#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/vector_math.h"

/// Softmax over rows, a register at a time: the largest of a row, the exponentials and their sum,
/// and the division are one pass each over a row that stays in the cache.
namespace ldm::ops::cpu {
namespace {

/// Calls work(row index) for every row along the last axis.
template <class Work>
void for_rows(const Tensor& x, const Work& work) {
    const std::int64_t length = x.dim(-1), rows = x.size() / std::max<std::int64_t>(length, 1);
    const std::int64_t grain =
        std::max<std::int64_t>(1, elementwise_grain / 8 / std::max<std::int64_t>(length, 1));
    parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) work(row);
    });
}

float highest(const float* row, std::int64_t length) {
    Floats most = fill(row[0]);
    std::int64_t i = 0;
    for (; i + simd_width <= length; i += simd_width) {
        const Floats x = load(row + i);
        most = x > most ? x : most;
    }
    float result = largest_lane(most);
    for (; i < length; ++i) result = row[i] > result ? row[i] : result;
    return result;
}

/// The lanes that do not exist are 0, not e^(0 - …).
Floats existing(Floats x, int lanes) {
    for (int lane = lanes; lane < simd_width; ++lane) x[lane] = 0.0f;
    return x;
}

}  // namespace

void softmax_row(float* row, std::int64_t length) {
    if (length == 0) return;
    const float most = highest(row, length);
    const double sum = sum_lanes(length, [&](std::int64_t i, int lanes) {
        const Floats e = existing(exp(load_lanes(row + i, lanes) - most), lanes);
        store_lanes(row + i, e, lanes);
        return e;
    });
    const float share = static_cast<float>(1.0 / sum);
    for (std::int64_t i = 0; i < length; ++i) row[i] *= share;
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
        const float* grad_output = dy.data() + row * length;
        float* out = dx.data() + row * length;
        const float dot = static_cast<float>(sum_lanes(length, [&](std::int64_t i, int lanes) {
            return load_lanes(p + i, lanes) * load_lanes(grad_output + i, lanes);
        }));
        for (std::int64_t i = 0; i < length; ++i) out[i] = p[i] * (grad_output[i] - dot);
    });
    return dx;
}

Tensor log_softmax(const Tensor& x) {
    Tensor y(x.shape());
    const std::int64_t length = x.dim(-1);
    for_rows(x, [&](std::int64_t row) {
        const float* in = x.data() + row * length;
        float* out = y.data() + row * length;
        const float most = highest(in, length);
        const double sum = sum_lanes(length, [&](std::int64_t i, int lanes) {
            return existing(exp(load_lanes(in + i, lanes) - most), lanes);
        });
        const float log_sum = static_cast<float>(std::log(sum));
        for (std::int64_t i = 0; i < length; ++i) out[i] = in[i] - most - log_sum;
    });
    return y;
}

/// dx = dy - exp(y) sum(dy)
Tensor log_softmax_backward(const Tensor& y, const Tensor& dy) {
    Tensor dx(y.shape());
    const std::int64_t length = y.dim(-1);
    for_rows(y, [&](std::int64_t row) {
        const float* log_p = y.data() + row * length;
        const float* grad_output = dy.data() + row * length;
        float* out = dx.data() + row * length;
        const float sum = static_cast<float>(sum_lanes(
            length, [&](std::int64_t i, int lanes) { return load_lanes(grad_output + i, lanes); }));
        for_lanes(length, [&](std::int64_t i, int lanes) {
            const Floats p = exp(load_lanes(log_p + i, lanes));
            store_lanes(out + i, load_lanes(grad_output + i, lanes) - p * sum, lanes);
        });
    });
    return dx;
}

}  // namespace ldm::ops::cpu
