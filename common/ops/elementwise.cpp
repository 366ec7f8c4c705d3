#include "common/ops/elementwise.h"

#include "common/autograd/tape.h"
#include "common/ops/elementwise_cpu.h"

namespace ldm::ops {
namespace {

using cpu::looks_at_result, cpu::Unary;

Tensor apply(Unary op, const Tensor& x) {
    Tensor y = cpu::unary(op, x);
    record(y, {x}, [op, seen = looks_at_result(op) ? y : x](const Tensor& dy) -> Tensors {
        return {cpu::unary_backward(op, seen, dy)};
    });
    return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
    Tensor y = cpu::binary(cpu::Binary::add, a, b);
    record(y, {a, b}, [a = a.shape(), b = b.shape()](const Tensor& dy) -> Tensors {
        return {cpu::sum_to(dy, a), cpu::sum_to(dy, b)};
    });
    return y;
}

Tensor sub(const Tensor& a, const Tensor& b) {
    Tensor y = cpu::binary(cpu::Binary::sub, a, b);
    record(y, {a, b}, [a = a.shape(), b = b.shape()](const Tensor& dy) -> Tensors {
        return {cpu::sum_to(dy, a), -cpu::sum_to(dy, b)};
    });
    return y;
}

Tensor mul(const Tensor& a, const Tensor& b) {
    Tensor y = cpu::binary(cpu::Binary::mul, a, b);
    const Tensor kept_a = kept_if(needs_gradient(b), a), kept_b = kept_if(needs_gradient(a), b);
    record(y, {a, b}, [kept_a, kept_b, from_a = a.shape(), from_b = b.shape()](const Tensor& dy) -> Tensors {
        return {kept_b ? cpu::sum_to(dy * kept_b, from_a) : Tensor(), kept_a ? cpu::sum_to(dy * kept_a, from_b) : Tensor()};
    });
    return y;
}

Tensor div(const Tensor& a, const Tensor& b) {
    Tensor y = cpu::binary(cpu::Binary::div, a, b);
    record(y, {a, b}, [a, b, y](const Tensor& dy) -> Tensors {
        const Tensor da = dy / b;
        return {cpu::sum_to(da, a.shape()), cpu::sum_to(-(da * y), b.shape())};
    });
    return y;
}

Tensor scale(const Tensor& x, float factor) {
    Tensor y = cpu::affine(x, factor, 0.0f);
    record(y, {x}, [factor](const Tensor& dy) -> Tensors { return {scale(dy, factor)}; });
    return y;
}

Tensor shift(const Tensor& x, float term) {
    Tensor y = cpu::affine(x, 1.0f, term);
    record(y, {x}, [](const Tensor& dy) -> Tensors { return {dy}; });
    return y;
}

Tensor silu(const Tensor& x) { return apply(Unary::silu, x); }
Tensor gelu(const Tensor& x) { return apply(Unary::gelu, x); }
Tensor quick_gelu(const Tensor& x) { return apply(Unary::quick_gelu, x); }
Tensor sigmoid(const Tensor& x) { return apply(Unary::sigmoid, x); }
Tensor tanh(const Tensor& x) { return apply(Unary::tanh, x); }
Tensor relu(const Tensor& x) { return apply(Unary::relu, x); }
Tensor softplus(const Tensor& x) { return apply(Unary::softplus, x); }
Tensor exp(const Tensor& x) { return apply(Unary::exp, x); }
Tensor log(const Tensor& x) { return apply(Unary::log, x); }
Tensor sqrt(const Tensor& x) { return apply(Unary::sqrt, x); }
Tensor square(const Tensor& x) { return apply(Unary::square, x); }
Tensor abs(const Tensor& x) { return apply(Unary::abs, x); }

Tensor leaky_relu(const Tensor& x, float slope) {
    Tensor y = cpu::leaky_relu(x, slope);
    record(y, {x}, [x, slope](const Tensor& dy) -> Tensors {
        return {cpu::leaky_relu_backward(x, dy, slope)};
    });
    return y;
}

Tensor clamp(const Tensor& x, float low, float high) {
    Tensor y = cpu::clamp(x, low, high);
    record(y, {x}, [x, low, high](const Tensor& dy) -> Tensors {
        return {cpu::clamp_backward(x, dy, low, high)};
    });
    return y;
}

}  // namespace ldm::ops
