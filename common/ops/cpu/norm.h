#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// Both norms level rows of neighbouring numbers; they differ in which scale belongs to an element.
struct NormLayout {
    // levelled one by one
    std::int64_t rows;
    std::int64_t row_length;
    // neighbouring elements that share a scale: H W, or 1 for layer_norm
    std::int64_t run;
    // C; the scale of element i of the tensor is scale[i / run % C]
    std::int64_t parameters;
};

/// What is made of a number once it is levelled, before it is written.
enum class Then { nothing, silu };

struct Normalized {
    Tensor y;
    Tensor mean;  // [rows]
    // [rows], 1 / sqrt(variance + eps)
    Tensor inverse_deviation;
};

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& scale, const Tensor& offset,
                     float eps, Then then);

struct NormGradients {
    Tensor x, scale, offset;
};

/// Of normalize with Then::nothing; of `forward` it reads mean and inverse_deviation.
NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& scale);

/// From the gradient after silu to the one before it. What silu was applied to was never written:
/// it is levelled again.
Tensor silu_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                     NormLayout layout, const Tensor& scale, const Tensor& offset);

}  // namespace ldm::ops::cpu
