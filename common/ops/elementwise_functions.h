#pragma once

namespace ldm::ops {

enum class Binary { add, sub, mul, div };
enum class Unary {
    silu,
    gelu,
    quick_gelu,
    sigmoid,
    tanh,
    relu,
    softplus,
    exp,
    log,
    sqrt,
    square,
    abs,
    sin,
    cos
};

/// Whether the gradient is computed from the result, and not from what the function was applied to.
constexpr bool differentiates_from_result(Unary op) {
    return op == Unary::sigmoid || op == Unary::tanh || op == Unary::relu || op == Unary::exp ||
           op == Unary::sqrt;
}

}  // namespace ldm::ops
