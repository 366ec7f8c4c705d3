#include "common/ops/optimizer_step.h"

#include <cmath>

#include "common/ops/cpu/optimizer_step.h"
#include "common/ops/cpu/shape.h"
#include "common/ops/cuda/optimizer_step.h"
#include "common/ops/cuda/shape.h"
#include "common/ops/on_device.h"

namespace ldm::ops {

AdamFactors::AdamFactors(const AdamStep& s)
    : keep(static_cast<float>(s.decoupled_weight_decay ? 1 - s.lr * s.weight_decay : 1.0)),
      joins(static_cast<float>(s.decoupled_weight_decay ? 0.0 : s.weight_decay)),
      share1(static_cast<float>(1 - s.beta1)),
      beta2(static_cast<float>(s.beta2)),
      share2(static_cast<float>(1 - s.beta2)),
      root(static_cast<float>(std::sqrt(1 - std::pow(s.beta2, s.step)))),
      eps(static_cast<float>(s.eps)),
      rate(static_cast<float>(s.lr / (1 - std::pow(s.beta1, s.step)))) {}

void adam_step(Tensor& weight, Tensor& exp_avg, Tensor& exp_avg_sq, const Tensor& gradient,
               const AdamStep& s) {
    for (const Tensor& x : {exp_avg, exp_avg_sq, gradient}) expect_shape(x, weight.shape());
    expect(s.step >= 1, "the steps of Adam count from 1");
    OnDevice<cpu::adam_step, cuda::adam_step>()(weight, exp_avg, exp_avg_sq, gradient,
                                                AdamFactors(s));
}

void copy_into(Tensor& x, const Tensor& from) {
    expect_shape(from, x.shape());
    if (from.dtype() != x.dtype())
        fail(name_of(from.dtype()) + " for a tensor of " + name_of(x.dtype()));
    OnDevice<cpu::copy, cuda::copy>()(from, x);
}

void lerp_into(Tensor& x, const Tensor& end, double share) {
    expect_shape(end, x.shape());
    OnDevice<cpu::lerp_into, cuda::lerp_into>()(x, end, static_cast<float>(share));
}

void add_into(Tensor& x, double keep, const Tensor& y, double share) {
    expect_shape(y, x.shape());
    OnDevice<cpu::add_into, cuda::add_into>()(x, static_cast<float>(keep), y,
                                              static_cast<float>(share));
}

double sum_of_squares(const Tensor& x) { return sum_of_squares(std::vector{x}); }

double sum_of_squares(const std::vector<Tensor>& xs) {
    return OnDevice<cpu::sum_of_squares, cuda::sum_of_squares>()(xs);
}

bool all_finite(const Tensor& x) { return OnDevice<cpu::all_finite, cuda::all_finite>()(x); }

}  // namespace ldm::ops
