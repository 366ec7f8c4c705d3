#pragma once

#include "common/ops/cpu/optimizer_step.h"

namespace ldm::ops::cuda {

void adam_step(Tensor& weight, Tensor& exp_avg, Tensor& exp_avg_sq, const Tensor& gradient,
               const AdamFactors& factors);
void lerp_into(Tensor& x, const Tensor& end, float share);
void add_into(Tensor& x, float keep, const Tensor& y, float share);

// These two wait for the GPU.
double sum_of_squares(const std::vector<Tensor>& xs);
bool all_finite(const Tensor& x);

}  // namespace ldm::ops::cuda
