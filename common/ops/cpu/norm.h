#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// Both norms normalize rows of neighbouring numbers; they differ in which weight belongs to an
/// element.
struct NormLayout {
    // normalized one by one
    std::int64_t rows;
    std::int64_t row_length;
    // neighbouring elements that share a weight: H W, or 1 for layer_norm
    std::int64_t run;
    // C; the weight of element i of the tensor is weight[i / run % C]
    std::int64_t parameters;
};

/// What is applied to a normalized number before it is written.
enum class Activation { none, silu };

struct Normalized {
    Tensor y;
    Tensor mean;  // [rows]
    // [rows], 1 / sqrt(variance + eps)
    Tensor inverse_deviation;
};

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& weight, const Tensor& bias,
                     float eps, Activation activation);

struct NormGradients {
    Tensor x, weight, bias;
};

/// Of normalize with Activation::none; of `forward` it reads mean and inverse_deviation.
NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& weight);

/// From the gradient after silu to the one before it. What silu was applied to was never written:
/// it is normalized again.
Tensor silu_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                     NormLayout layout, const Tensor& weight, const Tensor& bias);

}  // namespace ldm::ops::cpu
