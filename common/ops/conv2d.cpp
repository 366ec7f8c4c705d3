#include "common/ops/conv2d.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/compute_context.h"
#include "common/ops/cpu/conv2d.h"
#include "common/ops/cuda/conv2d.h"
#include "common/ops/elementwise.h"
#include "common/ops/on_device.h"

namespace ldm::ops {
namespace {

constexpr OnDevice<cpu::conv2d, cuda::conv2d> convolve;
constexpr OnDevice<cpu::conv2d_backward_input, cuda::conv2d_backward_input> backward_input;
constexpr OnDevice<cpu::conv2d_backward_weight, cuda::conv2d_backward_weight> backward_weight;
constexpr OnDevice<cpu::sum_channels, cuda::sum_channels> sum_channels;

/// Throws unless conv2d can be computed of these.
void expect_fitting(const Tensor& x, const Tensor& weight, const Tensor& bias,
                    const Conv2dOptions& options) {
    const auto [n, channels, height, width] = x.dims<4>();
    const auto [out, in, kernel_h, kernel_w] = weight.dims<4>();
    const Padding& pad = options.padding;
    if (channels != in)
        fail(fmt::format("expected [N, {}, H, W], got {}", in, to_string(x.shape())));
    if (height + pad.top + pad.bottom < kernel_h || width + pad.left + pad.right < kernel_w)
        fail(fmt::format("{} is smaller than the kernel {}", to_string(x.shape()),
                         to_string(weight.shape())));
    if (bias) expect_shape(bias, {out});
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options) {
    expect_fitting(x, weight, bias, options);
    Tensor y = convolve(x, weight, bias, options, compute_context());
    const Tensor saved_x = save_if(needs_gradient(weight), x),
                 saved_weight = save_if(needs_gradient(x), weight);
    const bool need_bias = needs_gradient(bias);
    record(y, {x, weight, bias},
           [=, of_x = x.shape(), of_weight = weight.shape()](const Tensor& dy) -> Tensors {
               Tensor dx, dweight, dbias;
               if (saved_weight) dx = conv2d_backward_input(dy, saved_weight, of_x, options);
               if (saved_x) dweight = conv2d_backward_weight(dy, saved_x, of_weight, options);
               if (need_bias) dbias = sum_channels(dy);
               return {dx, dweight, dbias};
           });
    return y;
}

Tensor conv2d(const Tensor& x, const FrozenWeight& weight, const Tensor& bias,
              Conv2dOptions options) {
    // gradients, and a GPU, are served by the weight as it is
    if (x.device() != Device::cpu || needs_gradient(x) || needs_gradient(bias))
        return conv2d(x, weight.as_float(), bias, options);
    expect_fitting(x, weight.stored(), bias, options);
    return cpu::conv2d_frozen(x, weight.packed(), bias, options, compute_context());
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, int stride) {
    const auto [n, channels, height, width] = x.dims<4>();
    const auto [in, out, kernel_h, kernel_w] = weight.dims<4>();
    if (channels != in)
        fail(fmt::format("expected [N, {}, H, W], got {}", in, to_string(x.shape())));
    if (bias) expect_shape(bias, {out});

    // Read backwards, conv2d maps [N, out, …] to [N, in, …]; its input gradient is what we want.
    const Conv2dOptions options{.stride = stride, .padding = {}};
    const Shape shape{n, out, (height - 1) * stride + kernel_h, (width - 1) * stride + kernel_w};
    Tensor y = backward_input(x, weight, shape, options, compute_context());
    record(y, {x, weight}, [=](const Tensor& dy) -> Tensors {
        const ComputeContext& context = compute_context();
        return {convolve(dy, weight, Tensor(), options, context),
                backward_weight(x, dy, weight.shape(), options, context)};
    });
    return bias ? y + bias.reshape({out, 1, 1}) : y;
}

Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                             Conv2dOptions options) {
    return backward_input(dy, weight, x_shape, options, compute_context());
}

Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                              Conv2dOptions options) {
    return backward_weight(dy, x, weight_shape, options, compute_context());
}

}  // namespace ldm::ops
