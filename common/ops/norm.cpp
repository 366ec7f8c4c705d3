#include "common/ops/norm.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/cpu/norm.h"
#include "common/ops/cuda/norm.h"
#include "common/ops/on_device.h"

namespace ldm::ops {
namespace {

using cpu::NormLayout, cpu::Normalized, cpu::Then;

Tensor levelled(const Tensor& x, NormLayout layout, const Tensor& scale, const Tensor& offset,
                float eps, Then then = Then::nothing) {
    const Normalized result =
        OnDevice<cpu::normalize, cuda::normalize>()(x, layout, scale, offset, eps, then);
    record(result.y, {x, scale, offset},
           [=, forward = Normalized{{}, result.mean, result.inverse_deviation}](
               const Tensor& dy) -> Tensors {
               const Tensor flow = then == Then::silu
                                       ? OnDevice<cpu::silu_backward, cuda::silu_backward>()(
                                             dy, x, forward, layout, scale, offset)
                                       : dy;
               const auto d = OnDevice<cpu::normalize_backward, cuda::normalize_backward>()(
                   flow, x, forward, layout, scale);
               return {d.x, d.scale, d.offset};
           });
    return result.y;
}

NormLayout in_groups(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset) {
    expect(x.rank() >= 2, "expected [N, C, ...], got " + to_string(x.shape()));
    const std::int64_t n = x.dim(0), channels = x.dim(1);
    expect(channels % groups == 0,
           fmt::format("{} channels do not make {} groups", channels, groups));
    expect_shape(scale, {channels});
    expect_shape(offset, {channels});
    const std::int64_t pixels = x.size() / std::max<std::int64_t>(n * channels, 1);
    return {n * groups, channels / groups * pixels, pixels, channels};
}

}  // namespace

Tensor group_norm(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                  float eps) {
    return levelled(x, in_groups(x, groups, scale, offset), scale, offset, eps);
}

Tensor group_norm_silu(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                       float eps) {
    return levelled(x, in_groups(x, groups, scale, offset), scale, offset, eps, Then::silu);
}

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& offset, float eps) {
    const std::int64_t width = x.dim(-1);
    expect_shape(scale, {width});
    expect_shape(offset, {width});
    return levelled(x, {x.size() / std::max<std::int64_t>(width, 1), width, 1, width}, scale,
                    offset, eps);
}

}  // namespace ldm::ops
