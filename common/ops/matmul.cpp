#include "common/ops/matmul.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/compute_context.h"
#include "common/ops/cpu/matmul.h"
#include "common/ops/cuda/matmul.h"
#include "common/ops/on_device.h"
#include "common/ops/shape.h"

namespace ldm::ops {
namespace {

/// [.., 2, 3] as [n, 2, 3]: every leading axis in one.
Tensor stack_of_matrices(const Tensor& x) {
    expect(x.rank() >= 2, "expected matrices, got " + to_string(x.shape()));
    const Shape leading(x.shape().begin(), x.shape().end() - 2);
    return x.reshape({element_count(leading), x.dim(-2), x.dim(-1)});
}

/// x [..., in] as [n, in], when it fits a weight [out, in] and a bias [out].
Tensor checked_rows(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const auto [out, in] = weight.dims<2>();
    if (x.rank() < 1 || x.dim(-1) != in)
        fail(fmt::format("expected [..., {}], got {}", in, to_string(x.shape())));
    if (bias) expect_shape(bias, {out});
    return x.reshape({element_count(Shape(x.shape().begin(), x.shape().end() - 1)), in});
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
    Tensor y = OnDevice<cpu::matmul, cuda::matmul>()(stack_of_matrices(a), stack_of_matrices(b), at,
                                                     bt, compute_context())
                   .reshape(leading);
    const Tensor kept_a = save_if(needs_gradient(b), a), kept_b = save_if(needs_gradient(a), b);
    record(y, {a, b}, [at, bt, kept_a, kept_b](const Tensor& dy) -> Tensors {
        constexpr auto none = Transpose::none, first = Transpose::a, second = Transpose::b;
        Tensor da, db;
        if (kept_b) da = at ? matmul(kept_b, dy, second) : matmul(dy, kept_b, bt ? none : second);
        if (kept_a) db = bt ? matmul(dy, kept_a, first) : matmul(kept_a, dy, at ? none : first);
        return {da, db};
    });
    return y;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const auto [out, in] = weight.dims<2>();
    const Tensor rows = checked_rows(x, weight, bias);
    Shape shape = x.shape();
    shape.back() = out;
    Tensor y =
        OnDevice<cpu::linear, cuda::linear>()(rows, weight, bias, compute_context()).reshape(shape);
    const Tensor kept_rows = save_if(needs_gradient(weight), rows),
                 saved_weight = save_if(needs_gradient(x), weight);
    const bool need_bias = needs_gradient(bias);
    record(y, {x, weight, bias},
           [kept_rows, saved_weight, need_bias, count = rows.dim(0),
            out = out](const Tensor& dy) -> Tensors {
               const Tensor dy_rows = dy.reshape({count, out});
               Tensor dx, dweight, dbias;
               if (saved_weight) dx = matmul(dy_rows, saved_weight);
               if (kept_rows) dweight = matmul(dy_rows, kept_rows, Transpose::a);
               if (need_bias) dbias = OnDevice<cpu::sum_rows, cuda::sum_rows>()(dy_rows);
               return {dx, dweight, dbias};
           });
    return y;
}

Tensor linear(const Tensor& x, const FrozenWeight& weight, const Tensor& bias) {
    // gradients, and a GPU, are served by the weight as it is
    if (x.device() != Device::cpu || needs_gradient(x) || needs_gradient(bias))
        return linear(x, weight.as_float(), bias);
    Shape shape = x.shape();
    const Tensor rows = checked_rows(x, weight.stored(), bias);
    shape.back() = weight.stored().dim(0);
    return cpu::linear_frozen(rows, weight.packed(), bias, compute_context()).reshape(shape);
}

}  // namespace ldm::ops
