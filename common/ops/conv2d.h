#pragma once

#include "common/ops/frozen_weight.h"
#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Zero pixels added around a picture.
struct Padding {
    int top = 0, left = 0, bottom = 0, right = 0;
    static constexpr Padding all(int n) { return {n, n, n, n}; }
};

struct Conv2dOptions {
    int stride = 1;
    Padding padding;
};

/// Every output pixel is a weighted sum of the pixels around it:
///
///     y[n, o, i, j] = b[o] + sum_(c, u, v) w[o, c, u, v] x[n, c, i s + u - top, j s + v - left]
///
/// x [N, C, H, W], weight [O, C, kh, kw], bias [O] or empty; a cross-correlation, as everywhere in
/// this field.
[[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            Conv2dOptions options = {});

[[nodiscard]] Tensor conv2d(const Tensor& x, const FrozenWeight& weight, const Tensor& bias,
                            Conv2dOptions options = {});

/// The transpose of conv2d without padding: every input pixel adds the kernel, times
/// itself, to the output.
/// x [N, C, H, W], weight [C, O, kh, kw], bias [O] or empty -> [N, O, (H-1) s + kh, (W-1) s + kw]
[[nodiscard]] Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                      int stride);

/// Gradient of conv2d with respect to x of shape `x_shape`.
[[nodiscard]] Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                           const Shape& x_shape, Conv2dOptions options);

/// Gradient of conv2d with respect to a weight of shape `weight_shape`.
[[nodiscard]] Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x,
                                            const Shape& weight_shape, Conv2dOptions options);

}  // namespace ldm::ops
