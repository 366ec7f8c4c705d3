#include "common/ops/norm.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/cpu/norm.h"
#include "common/ops/cuda/norm.h"
#include "common/ops/on_device.h"

namespace ldm::ops {
namespace {

using cpu::NormLayout, cpu::Normalized, cpu::Activation;

Tensor normalized(const Tensor& x, NormLayout layout, const Tensor& weight, const Tensor& bias,
                  float eps, Activation activation = Activation::none) {
    const Normalized result =
        OnDevice<cpu::normalize, cuda::normalize>()(x, layout, weight, bias, eps, activation);
    record(result.y, {x, weight, bias},
           [=, forward = Normalized{{}, result.mean, result.inverse_deviation}](
               const Tensor& dy) -> Tensors {
               const Tensor grad_output = activation == Activation::silu
                                              ? OnDevice<cpu::silu_backward, cuda::silu_backward>()(
                                                    dy, x, forward, layout, weight, bias)
                                              : dy;
               const auto d = OnDevice<cpu::normalize_backward, cuda::normalize_backward>()(
                   grad_output, x, forward, layout, weight);
               return {d.x, d.weight, d.bias};
           });
    return result.y;
}

NormLayout in_groups(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias) {
    expect(x.rank() >= 2, "expected [N, C, ...], got " + to_string(x.shape()));
    const std::int64_t n = x.dim(0), channels = x.dim(1);
    expect(channels % groups == 0,
           fmt::format("{} channels do not make {} groups", channels, groups));
    expect_shape(weight, {channels});
    expect_shape(bias, {channels});
    const std::int64_t pixels = element_count(Shape(x.shape().begin() + 2, x.shape().end()));
    return {n * groups, channels / groups * pixels, pixels, channels};
}

}  // namespace

Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                  float eps) {
    return normalized(x, in_groups(x, groups, weight, bias), weight, bias, eps);
}

Tensor group_norm_silu(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                       float eps) {
    return normalized(x, in_groups(x, groups, weight, bias), weight, bias, eps, Activation::silu);
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    const std::int64_t width = x.dim(-1);
    expect_shape(weight, {width});
    expect_shape(bias, {width});
    return normalized(
        x, {element_count(Shape(x.shape().begin(), x.shape().end() - 1)), width, 1, width}, weight,
        bias, eps);
}

}  // namespace ldm::ops
