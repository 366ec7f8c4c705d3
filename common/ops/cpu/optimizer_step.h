#pragma once

#include "common/ops/optimizer_step.h"

namespace ldm::ops {

/// AdamStep as the loop needs it: in double until here, then float32, as PyTorch hands Python's
/// numbers to its loops.
struct AdamFactors {
    // what stays of the weight, and its share in the gradient
    float keep, joins;
    float share1, beta2, share2;
    float root, eps, rate;

    explicit AdamFactors(const AdamStep& s);
};

}  // namespace ldm::ops

namespace ldm::ops::cpu {

void adam_step(Tensor& weight, Tensor& exp_avg, Tensor& exp_avg_sq, const Tensor& gradient,
               const AdamFactors& factors);
void lerp_into(Tensor& x, const Tensor& end, float share);
void add_into(Tensor& x, float keep, const Tensor& y, float share);
double sum_of_squares(const std::vector<Tensor>& xs);
bool all_finite(const Tensor& x);

}  // namespace ldm::ops::cpu
