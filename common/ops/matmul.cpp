#include "common/ops/matmul.h"

#include "common/autograd/tape.h"
#include "common/ops/matmul_cpu.h"
#include "common/ops/shape.h"

#include <fmt/format.h>

namespace ldm::ops {
namespace {

/// [.., 2, 3] as [n, 2, 3]: every leading axis in one.
Tensor stack_of_matrices(const Tensor& x) {
    expect(x.rank() >= 2, "expected matrices, got " + to_string(x.shape()));
    return x.reshape({x.size() / std::max<std::int64_t>(x.dim(-2) * x.dim(-1), 1), x.dim(-2), x.dim(-1)});
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose) {
    const bool at = transpose == Transpose::a, bt = transpose == Transpose::b;
    const std::int64_t m = a.dim(at ? -1 : -2), inner_a = a.dim(at ? -2 : -1);
    const std::int64_t n = b.dim(bt ? -2 : -1), inner_b = b.dim(bt ? -1 : -2);
    Shape leading(a.shape().begin(), a.shape().end() - 2);
    if (inner_a != inner_b || leading != Shape(b.shape().begin(), b.shape().end() - 2))
        fail(fmt::format("{}{} and {}{} do not multiply", to_string(a.shape()), at ? "^T" : "",
                         to_string(b.shape()), bt ? "^T" : ""));

    leading.insert(leading.end(), {m, n});
    Tensor y = cpu::matmul(stack_of_matrices(a), stack_of_matrices(b), at, bt).reshape(leading);
    const bool need_a = needs_gradient(a), need_b = needs_gradient(b);
    record(y, {a, b}, [=](const Tensor& dy) -> Tensors {
        constexpr auto none = Transpose::none, first = Transpose::a, second = Transpose::b;
        Tensor da, db;
        if (need_a) da = at ? matmul(b, dy, second) : matmul(dy, b, bt ? none : second);
        if (need_b) db = bt ? matmul(dy, a, first) : matmul(a, dy, at ? none : first);
        return {da, db};
    });
    return y;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const auto [out, in] = weight.dims<2>();
    if (x.rank() < 1 || x.dim(-1) != in)
        fail(fmt::format("expected [..., {}], got {}", in, to_string(x.shape())));
    if (bias) expect_shape(bias, {out});

    Shape shape = x.shape();
    shape.back() = out;
    const Tensor rows = x.reshape({x.size() / std::max<std::int64_t>(in, 1), in});
    Tensor y = cpu::linear(rows, weight, bias).reshape(shape);
    const bool need_x = needs_gradient(x), need_weight = needs_gradient(weight);
    record(y, {x, weight, bias}, [=, out = out](const Tensor& dy) -> Tensors {
        const Tensor dy_rows = dy.reshape({rows.dim(0), out});
        Tensor dx, dweight, dbias;
        if (need_x) dx = matmul(dy_rows, weight);
        if (need_weight) dweight = matmul(dy_rows, rows, Transpose::a);
        if (bias) dbias = cpu::sum_rows(dy_rows);
        return {dx, dweight, dbias};
    });
    return y;
}

}  // namespace ldm::ops
