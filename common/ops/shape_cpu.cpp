#include "common/ops/shape_cpu.h"

#include "common/ops/parallel.h"

#include <algorithm>

namespace ldm::ops::cpu {

void copy_blocks(const float* from, std::int64_t from_step, float* to, std::int64_t to_step,
                 std::int64_t length, std::int64_t count) {
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(length, 1));
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            std::copy_n(from + i * from_step, length, to + i * to_step);
    });
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
    const int rank = x.rank();
    Shape shape(rank), steps(rank);
    std::vector<std::int64_t> x_steps(rank, 1);
    for (int i = rank - 2; i >= 0; --i) x_steps[i] = x_steps[i + 1] * x.dim(i + 1);
    for (int i = 0; i < rank; ++i) {
        shape[i] = x.dim(order[i]);
        steps[i] = x_steps[order[i]];
    }
    Tensor y(shape);
    if (rank == 0 || x.size() == 0) return y.size() ? Tensor::from(shape, x.values()) : y;

    // Row by row of the result; the last axis is walked with a step.
    const std::int64_t length = shape.back(), step = steps.back(), rows = y.size() / length;
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / 4 / length);
    parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            std::int64_t rest = row, at = 0;
            for (int i = rank - 2; i >= 0; --i) {
                at += rest % shape[i] * steps[i];
                rest /= shape[i];
            }
            const float* in = x.data() + at;
            float* out = y.data() + row * length;
            for (std::int64_t j = 0; j < length; ++j) out[j] = in[j * step];
        }
    });
    return y;
}

}  // namespace ldm::ops::cpu
