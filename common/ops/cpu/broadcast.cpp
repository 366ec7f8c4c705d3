#include <fmt/format.h>

#include <algorithm>

#include "common/ops/broadcast_indexer.h"
#include "common/ops/cpu/elementwise.h"
#include "common/ops/cpu/parallel.h"

namespace ldm::ops::cpu {
namespace {

/// Calls write(at_a, at_b, out, count) for `count` neighbours of y, which come from the numbers
/// from at_a and at_b on in steps of indexer.steps_a[0] and indexer.steps_b[0].
template <class Write>
void for_each_row(Tensor& y, const BroadcastIndexer& indexer, const Write& write) {
    const std::int64_t length = indexer.extents[0],
                       rows = y.size() / std::max<std::int64_t>(length, 1);
    const std::int64_t step_a = indexer.steps_a[0], step_b = indexer.steps_b[0];
    // a long row is cut in pieces
    const std::int64_t span = std::min(length, elementwise_grain);
    const std::int64_t pieces =
        (length + std::max<std::int64_t>(span, 1) - 1) / std::max<std::int64_t>(span, 1);
    const std::int64_t grain =
        std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(span, 1));
    float* const numbers = y.data();
    parallel_for(rows * pieces, grain, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t piece = first; piece < last; ++piece) {
            const std::int64_t r = piece / pieces, begin = piece % pieces * span;
            const std::int64_t count = std::min(span, length - begin);
            const auto [at_a, at_b] = indexer.start(r);
            write(at_a + begin * step_a, at_b + begin * step_b, numbers + r * length + begin,
                  count);
        }
    });
}

template <class F>
Tensor combine(const Tensor& a, const Tensor& b, F f) {
    Tensor y(broadcast_shape(a.shape(), b.shape()));
    const BroadcastIndexer indexer(y.shape(), a.shape(), b.shape());
    const std::int64_t step_a = indexer.steps_a[0], step_b = indexer.steps_b[0];
    for_each_row(y, indexer,
                 [&](std::int64_t at_a, std::int64_t at_b, float* out, std::int64_t count) {
                     const float *left = a.data() + at_a, *right = b.data() + at_b;
                     if (step_a == 1 && step_b == 1)
                         for (std::int64_t i = 0; i < count; ++i) out[i] = f(left[i], right[i]);
                     else if (step_a == 1 && step_b == 0)
                         for (std::int64_t i = 0; i < count; ++i) out[i] = f(left[i], *right);
                     else if (step_a == 0 && step_b == 1)
                         for (std::int64_t i = 0; i < count; ++i) out[i] = f(*left, right[i]);
                     else
                         for (std::int64_t i = 0; i < count; ++i)
                             out[i] = f(left[i * step_a], right[i * step_b]);
                 });
    return y;
}

}  // namespace

Tensor binary(Binary op, const Tensor& a, const Tensor& b) {
    switch (op) {
        case Binary::add:
            return combine(a, b, [](float x, float y) { return x + y; });
        case Binary::sub:
            return combine(a, b, [](float x, float y) { return x - y; });
        case Binary::mul:
            return combine(a, b, [](float x, float y) { return x * y; });
        case Binary::div:
            return combine(a, b, [](float x, float y) { return x / y; });
    }
    fail("no such function");
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x;
    expect(broadcast_shape(x.shape(), shape) == shape,
           fmt::format("{} does not broadcast to {}", to_string(x.shape()), to_string(shape)));
    Tensor y(shape);
    // beside x a scalar, which no axis belongs to
    const BroadcastIndexer indexer(shape, x.shape(), {});
    for_each_row(y, indexer, [&](std::int64_t at, std::int64_t, float* out, std::int64_t count) {
        const float* from = x.data() + at;
        if (indexer.steps_a[0] == 0)
            std::fill_n(out, count, *from);
        else
            std::copy_n(from, count, out);
    });
    return y;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x;
    expect(broadcast_shape(x.shape(), shape) == x.shape(),
           fmt::format("{} cannot be summed to {}", to_string(x.shape()), to_string(shape)));
    const BroadcastIndexer indexer(x.shape(), x.shape(), shape);
    std::vector<double> sums(element_count(shape), 0.0);
    const std::int64_t length = indexer.extents[0], step = indexer.steps_b[0];
    for (std::int64_t r = 0; r < indexer.rows(); ++r) {
        const auto [from, to] = indexer.start(r);
        const float* in = x.data() + from;
        double* out = sums.data() + to;
        if (step == 0) {
            double sum = 0.0;
            for (std::int64_t i = 0; i < length; ++i) sum += in[i];
            *out += sum;
        } else {
            for (std::int64_t i = 0; i < length; ++i) out[i * step] += in[i];
        }
    }
    Tensor y(shape);
    std::ranges::copy(sums, y.data());
    return y;
}

}  // namespace ldm::ops::cpu
