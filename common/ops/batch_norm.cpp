#include "common/ops/batch_norm.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/cpu/batch_norm.h"
#include "common/ops/cuda/batch_norm.h"
#include "common/ops/on_device.h"

namespace ldm::ops {
namespace {

void check(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    expect(x.rank() >= 2, "expected [N, C, ...], got " + to_string(x.shape()));
    expect_shape(weight, {x.dim(1)});
    expect_shape(bias, {x.dim(1)});
}

void record_norm(const Tensor& y, const Tensor& x, const cpu::ChannelNorm& norm,
                 const Tensor& weight, const Tensor& bias, cpu::Statistics moments) {
    record(y, {x, weight, bias}, [=](const Tensor& dy) -> Tensors {
        const auto d = OnDevice<cpu::batch_norm_backward, cuda::batch_norm_backward>()(
            dy, x, norm, weight, moments);
        return {d.x, d.weight, d.bias};
    });
}

}  // namespace

BatchNormed batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    check(x, weight, bias);
    if (x.size() <= x.dim(1))
        fail(fmt::format("one number a channel has no variance: {}", to_string(x.shape())));
    const cpu::BatchNorm result =
        OnDevice<cpu::batch_norm, cuda::batch_norm>()(x, weight, bias, eps);
    record_norm(result.y, x, result.norm, weight, bias, cpu::Statistics::of_batch);
    return {result.y, {result.norm.mean, result.variance}};
}

Tensor batch_norm(const Tensor& x, const ChannelStatistics& moments, const Tensor& weight,
                  const Tensor& bias, float eps) {
    check(x, weight, bias);
    expect_shape(moments.mean, {x.dim(1)});
    expect_shape(moments.variance, {x.dim(1)});
    const cpu::ChannelNorm norm = OnDevice<cpu::channel_norm_of, cuda::channel_norm_of>()(
        moments.mean, moments.variance, eps);
    const Tensor y =
        OnDevice<cpu::normalize_channels, cuda::normalize_channels>()(x, norm, weight, bias);
    record_norm(y, x, norm, weight, bias, cpu::Statistics::given);
    return y;
}

}  // namespace ldm::ops
