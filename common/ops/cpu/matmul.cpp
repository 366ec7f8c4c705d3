#include "common/ops/cpu/matmul.h"

#include "common/ops/cpu/gemm.h"
#include "common/ops/cpu/packed_weight.h"
#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/shape.h"

namespace ldm::ops::cpu {

Tensor matmul(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
              const ComputeContext& context) {
    const std::int64_t n = a.dim(0), m = a.dim(a_transposed ? 2 : 1),
                       k = a.dim(a_transposed ? 1 : 2);
    const std::int64_t c = b.dim(b_transposed ? 1 : 2);
    Tensor y({n, m, c});
    auto one = [&](std::int64_t i) {
        MatrixIn left{a.data() + i * m * k, a.dim(1), a.dim(2), a.dim(2), 1};
        MatrixIn right{b.data() + i * k * c, b.dim(1), b.dim(2), b.dim(2), 1};
        if (a_transposed) left = left.transposed();
        if (b_transposed) right = right.transposed();
        gemm(left, right, {y.data() + i * m * c, m, c, c}, context);
    };
    // a few products: let each use all threads
    if (n < 4)
        for (std::int64_t i = 0; i < n; ++i) one(i);
    else
        parallel_for(n, 1, [&](std::int64_t i, std::int64_t) { one(i); });
    return y;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ComputeContext& context) {
    const auto [n, in] = x.dims<2>();
    const std::int64_t out = weight.dim(0);
    Tensor y({n, out});
    gemm({x.data(), n, in, in, 1}, MatrixIn{weight.data(), out, in, in, 1}.transposed(),
         {y.data(), n, out, out}, context, {.column_bias = bias ? bias.data() : nullptr});
    return y;
}

Tensor linear_frozen(const Tensor& x, const PackedWeight& weight, const Tensor& bias,
                     const ComputeContext& context) {
    const auto [n, in] = x.dims<2>();
    const std::int64_t out = weight.stored().dim(0);
    if (is_narrow({nullptr, n, out, out}))
        return linear(x, to_type(weight.stored(), DType::f32), bias, context);
    Tensor y({n, out});
    gemm({x.data(), n, in, in, 1}, weight.right(context.precision_on(Device::cpu)),
         {y.data(), n, out, out}, context, {.column_bias = bias ? bias.data() : nullptr});
    return y;
}

Tensor sum_rows(const Tensor& x) {
    const auto [n, c] = x.dims<2>();
    Tensor y({c});
    // columns
    constexpr std::int64_t at_once = 64;
    parallel_for(c, at_once, [&, n = n, c = c](std::int64_t begin, std::int64_t end) {
        double sums[at_once] = {};
        for (std::int64_t row = 0; row < n; ++row) {
            const float* from = x.data() + row * c + begin;
            for (std::int64_t i = 0; i < end - begin; ++i) sums[i] += from[i];
        }
        std::copy_n(sums, end - begin, y.data() + begin);
    });
    return y;
}

}  // namespace ldm::ops::cpu
