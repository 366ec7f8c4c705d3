#include "common/ops/norm.h"

#include "common/autograd/tape.h"
#include "common/ops/norm_cpu.h"
#include "common/ops/norm_cuda.h"
#include "common/ops/on_device.h"

#include <fmt/format.h>

namespace ldm::ops {
namespace {

Tensor normalize(const Tensor& x, cpu::NormLayout layout, const Tensor& scale, const Tensor& offset,
                 float eps) {
    cpu::Normalized result = OnDevice<cpu::normalize, cuda::normalize>()(x, layout, scale, offset, eps);
    record(result.y, {x, scale, offset},
           [=, forward = cpu::Normalized{{}, result.mean, result.inverse_deviation}](const Tensor& dy) -> Tensors {
               const auto d = OnDevice<cpu::normalize_backward, cuda::normalize_backward>()(dy, x, forward, layout, scale);
               return {d.x, d.scale, d.offset};
           });
    return result.y;
}

}  // namespace

Tensor group_norm(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset, float eps) {
    expect(x.rank() >= 2, "expected [N, C, ...], got " + to_string(x.shape()));
    const std::int64_t n = x.dim(0), channels = x.dim(1);
    expect(channels % groups == 0, fmt::format("{} channels do not make {} groups", channels, groups));
    expect_shape(scale, {channels});
    expect_shape(offset, {channels});
    const std::int64_t pixels = x.size() / std::max<std::int64_t>(n * channels, 1);
    return normalize(x, {n * groups, channels / groups * pixels, pixels, channels}, scale, offset, eps);
}

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& offset, float eps) {
    const std::int64_t width = x.dim(-1);
    expect_shape(scale, {width});
    expect_shape(offset, {width});
    return normalize(x, {x.size() / std::max<std::int64_t>(width, 1), width, 1, width}, scale, offset, eps);
}

}  // namespace ldm::ops
