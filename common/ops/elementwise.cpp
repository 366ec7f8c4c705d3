#include "common/ops/elementwise.h"

#include "common/autograd/tape.h"
#include "common/ops/cpu/elementwise.h"
#include "common/ops/cuda/elementwise.h"
#include "common/ops/on_device.h"

namespace ldm::ops {
namespace {

constexpr OnDevice<cpu::binary, cuda::binary> binary;
constexpr OnDevice<cpu::unary, cuda::unary> unary;
constexpr OnDevice<cpu::unary_backward, cuda::unary_backward> unary_backward;
constexpr OnDevice<cpu::affine, cuda::affine> affine;
constexpr OnDevice<cpu::sum_to, cuda::sum_to> sum_to;

Tensor apply(Unary op, const Tensor& x) {
    Tensor y = unary(op, x);
    record(y, {x},
           [op, seen = differentiates_from_result(op) ? y : x](const Tensor& dy) -> Tensors {
               return {unary_backward(op, seen, dy)};
           });
    return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
    Tensor y = binary(Binary::add, a, b);
    record(y, {a, b}, [a = a.shape(), b = b.shape()](const Tensor& dy) -> Tensors {
        return {sum_to(dy, a), sum_to(dy, b)};
    });
    return y;
}

Tensor sub(const Tensor& a, const Tensor& b) {
    Tensor y = binary(Binary::sub, a, b);
    record(y, {a, b}, [a = a.shape(), b = b.shape()](const Tensor& dy) -> Tensors {
        return {sum_to(dy, a), -sum_to(dy, b)};
    });
    return y;
}

Tensor mul(const Tensor& a, const Tensor& b) {
    Tensor y = binary(Binary::mul, a, b);
    const Tensor kept_a = save_if(needs_gradient(b), a), kept_b = save_if(needs_gradient(a), b);
    record(y, {a, b},
           [kept_a, kept_b, from_a = a.shape(), from_b = b.shape()](const Tensor& dy) -> Tensors {
               return {kept_b ? sum_to(dy * kept_b, from_a) : Tensor(),
                       kept_a ? sum_to(dy * kept_a, from_b) : Tensor()};
           });
    return y;
}

Tensor div(const Tensor& a, const Tensor& b) {
    Tensor y = binary(Binary::div, a, b);
    record(y, {a, b}, [a, b, y](const Tensor& dy) -> Tensors {
        const Tensor da = dy / b;
        return {sum_to(da, a.shape()), sum_to(-(da * y), b.shape())};
    });
    return y;
}

Tensor scale(const Tensor& x, float factor) {
    Tensor y = affine(x, factor, 0.0f);
    record(y, {x}, [factor](const Tensor& dy) -> Tensors { return {scale(dy, factor)}; });
    return y;
}

Tensor divide(const Tensor& x, float divisor) {
    Tensor y = OnDevice<cpu::divide, cuda::divide>()(x, divisor);
    record(y, {x}, [divisor](const Tensor& dy) -> Tensors { return {divide(dy, divisor)}; });
    return y;
}

Tensor shift(const Tensor& x, float term) {
    Tensor y = affine(x, 1.0f, term);
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
Tensor sin(const Tensor& x) { return apply(Unary::sin, x); }
Tensor cos(const Tensor& x) { return apply(Unary::cos, x); }

Tensor leaky_relu(const Tensor& x, float slope) {
    Tensor y = OnDevice<cpu::leaky_relu, cuda::leaky_relu>()(x, slope);
    record(y, {x}, [x, slope](const Tensor& dy) -> Tensors {
        return {OnDevice<cpu::leaky_relu_backward, cuda::leaky_relu_backward>()(x, dy, slope)};
    });
    return y;
}

Tensor clamp(const Tensor& x, float low, float high) {
    Tensor y = OnDevice<cpu::clamp, cuda::clamp>()(x, low, high);
    record(y, {x}, [x, low, high](const Tensor& dy) -> Tensors {
        return {OnDevice<cpu::clamp_backward, cuda::clamp_backward>()(x, dy, low, high)};
    });
    return y;
}

}  // namespace ldm::ops
