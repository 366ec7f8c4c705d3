#pragma once

#include <cstdint>
#include <vector>

#include "common/tensor/tensor.h"

/// The loops of training that run over every weight at every step. Other than all functions beside
/// them, those that return nothing write over their first arguments, and none is recorded on a
/// Tape. The answer does not depend on the number of threads.

namespace ldm::ops {

/// The settings of one step of Adam, under PyTorch's names.
struct AdamStep {
    /// number of this step, from 1
    std::int64_t step;
    double lr;
    double beta1, beta2;
    double eps;
    double weight_decay;
    /// weight decay on the weight itself (AdamW), else added to the gradient (Adam)
    bool decoupled_weight_decay;
};

/// Kingma & Ba, 2014; decoupled decay: Loshchilov & Hutter, 2017. Every operation in the order of
/// torch.optim.adam, _single_tensor_adam. With g the gradient, t the step:
///
///     weight     <- (1 - lr weight_decay) weight          or    g <- g + weight_decay weight
///     exp_avg    <- beta1 exp_avg    + (1 - beta1) g
///     exp_avg_sq <- beta2 exp_avg_sq + (1 - beta2) g^2
///     weight     <- weight - lr / (1 - beta1^t) exp_avg / (sqrt(exp_avg_sq / (1 - beta2^t)) + eps)
///
/// All four tensors have one shape.
void adam_step(Tensor& weight, Tensor& exp_avg, Tensor& exp_avg_sq, const Tensor& gradient,
               const AdamStep& settings);

/// x <- from. One shape.
void copy_into(Tensor& x, const Tensor& from);

/// x <- x + share (end - x): the way from x to `end`, or a part of it. One shape.
void lerp_into(Tensor& x, const Tensor& end, double share);

/// x <- keep x + share y. One shape.
void add_into(Tensor& x, double keep, const Tensor& y, double share);

/// Of all numbers of x, in double precision.
[[nodiscard]] double sum_of_squares(const Tensor& x);

/// Of all numbers of all of them, on one device: a GPU is waited for once.
[[nodiscard]] double sum_of_squares(const std::vector<Tensor>& xs);

/// Neither NaN nor infinite anywhere.
[[nodiscard]] bool all_finite(const Tensor& x);

}  // namespace ldm::ops
