#include "common/ops/cpu/conv2d.h"

#include <Eigen/Core>
#include <algorithm>
#include <memory>

#include "common/ops/cpu/gemm.h"
#include "common/ops/cpu/pack_strided.h"
#include "common/ops/cpu/packed_gemm.h"
#include "common/ops/cpu/packed_weight.h"
#include "common/ops/cpu/patches.h"
#include "common/ops/cpu/tile_output.h"
#include "common/ops/cpu/winograd.h"
#include "common/parallel.h"

/// Convolution as a matrix product, weight [O, C kh kw] times patches [C kh kw, N h w], at the
/// speed of the matrix product (cpu/packed_gemm.h). The usual way lays the matrix of patches out in
/// memory first, kh kw times the picture; here the product packs its blocks straight from the
/// picture (cpu/patches.h). The gradients are the same product: that of the picture is a
/// convolution with the kernel turned around, that of the weight multiplies by the patches turned.
/// Large 3x3 convolutions have a way with fewer multiplications (cpu/winograd.h).
namespace ldm::ops::cpu {
namespace {

/// The product of a weight with the rows [O, C kh kw], which `pack_a` packs, and patches.
template <class PackA>
Tensor multiply_patches(const Tensor& x, std::int64_t out, const PackA& pack_a, const Tensor& bias,
                        const Patches::Geometry& geometry, const ComputeContext& context) {
    const Patches patches(x, geometry);
    const std::int64_t depth = patches.rows(), pixels = geometry.out_h * geometry.out_w;
    context.add_flops(2.0 * out * depth * patches.columns());
    Tensor y({x.dim(0), out, geometry.out_h, geometry.out_w});
    const auto pack_b = [&](std::int64_t column, int, std::int64_t k, std::int64_t ks, float* to) {
        float* row = to;
        patches.visit_rows(column, k, ks, [&row](Floats left, Floats right) {
            store(row, left);
            store(row + simd_width, right);
            row += packed::tile_columns;
        });
        return to;
    };
    packed::multiply(out, patches.columns(), depth, context.precision_on(Device::cpu), pack_a,
                     pack_b,
                     packed::TileOutput({y.data(), out, pixels, pixels}, out * pixels,
                                        {.row_bias = bias ? bias.data() : nullptr}));
    return y;
}

Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Patches::Geometry& geometry, const ComputeContext& context) {
    const std::int64_t out = weight.dim(0), depth = weight.size() / std::max<std::int64_t>(out, 1);
    const auto pack_a = [&](std::int64_t row, int rows, std::int64_t k, std::int64_t ks,
                            float* to) {
        packed::pack_strided<packed::row_panel>(weight.data() + row * depth + k, depth, 1, rows, ks,
                                                to);
        return to;
    };
    return multiply_patches(x, out, pack_a, bias, geometry, context);
}

Patches::Geometry geometry_of(const Shape& x, const Shape& weight, const Conv2dOptions& options) {
    const Padding& pad = options.padding;
    return {weight[2],
            weight[3],
            options.stride,
            pad.top,
            pad.left,
            (x[2] + pad.top + pad.bottom - weight[2]) / options.stride + 1,
            (x[3] + pad.left + pad.right - weight[3]) / options.stride + 1};
}

/// [O, C, kh, kw] -> [C, O, kh, kw] with the kernel rotated by half a turn.
Tensor turned_around(const Tensor& weight) {
    const auto [out, in, kernel_h, kernel_w] = weight.dims<4>();
    const std::int64_t taps = kernel_h * kernel_w;
    Tensor turned({in, out, kernel_h, kernel_w});
    parallel_for(in, 1, [&, in = in, out = out](std::int64_t c, std::int64_t) {
        for (std::int64_t o = 0; o < out; ++o)
            std::reverse_copy(weight.data() + (o * in + c) * taps,
                              weight.data() + (o * in + c + 1) * taps,
                              turned.data() + (c * out + o) * taps);
    });
    return turned;
}

/// With a stride a pixel of the picture meets only every stride-th tap of the kernel along an axis;
/// which ones, its place modulo the stride says.
struct Taps {
    // pixels place, place + stride, … meet taps first, first + stride, …
    std::int64_t place, first, count;
    // how many such pixels there are
    std::int64_t pixels;
    // of the convolution over dy that yields their gradient
    std::int64_t padding;

    Taps(std::int64_t place, std::int64_t stride, std::int64_t kernel, std::int64_t pad,
         std::int64_t size)
        : place(place),
          first((place + pad) % stride),
          count(first < kernel ? (kernel - first + stride - 1) / stride : 0),
          pixels((size - place + stride - 1) / stride),
          padding(count - 1 - (place + pad - first) / stride) {}
};

/// The part [O, C, down, across] of a kernel that some pixels meet.
Tensor part_of(const Tensor& weight, const Taps& down, const Taps& across, std::int64_t stride) {
    const auto [out, in, kernel_h, kernel_w] = weight.dims<4>();
    Tensor part({out, in, down.count, across.count});
    float* to = part.data();
    for (std::int64_t kernel = 0; kernel < out * in; ++kernel)
        for (std::int64_t u = 0; u < down.count; ++u)
            for (std::int64_t v = 0; v < across.count; ++v)
                *to++ = weight.data()[(kernel * kernel_h + down.first + u * stride) * kernel_w +
                                      across.first + v * stride];
    return part;
}

/// Writes the pixels that `part` holds between those of x that others hold.
void interleave(const Tensor& part, const Taps& down, const Taps& across, std::int64_t stride,
                Tensor& x) {
    const std::int64_t height = x.dim(2), width = x.dim(3);
    parallel_for(x.dim(0) * x.dim(1), 1, [&](std::int64_t plane, std::int64_t) {
        const float* from = part.data() + plane * down.pixels * across.pixels;
        for (std::int64_t i = 0; i < down.pixels; ++i) {
            float* to =
                x.data() + (plane * height + down.place + i * stride) * width + across.place;
            for (std::int64_t k = 0; k < across.pixels; ++k) to[k * stride] = *from++;
        }
    });
}

/// dx as stride x stride interleaved pictures, each a convolution of dy without a stride.
Tensor backward_input_strided(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                              const Patches::Geometry& g, const ComputeContext& context) {
    // pixels between the kernels stay 0
    Tensor dx = Tensor::zeros(x_shape);
    for (std::int64_t y = 0; y < std::min(g.stride, x_shape[2]); ++y)
        for (std::int64_t x = 0; x < std::min(g.stride, x_shape[3]); ++x) {
            const Taps down(y, g.stride, g.kernel_h, g.top, x_shape[2]),
                across(x, g.stride, g.kernel_w, g.left, x_shape[3]);
            if (down.count == 0 || across.count == 0) continue;
            const Tensor part =
                convolve(dy, turned_around(part_of(weight, down, across, g.stride)), {},
                         {down.count, across.count, 1, down.padding, across.padding, down.pixels,
                          across.pixels},
                         context);
            interleave(part, down, across, g.stride, dx);
        }
    return dx;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options,
              const ComputeContext& context) {
    if (winograd_pays(x, weight, options))
        return conv2d_winograd(x, weight, bias, options, context);
    return convolve(x, weight, bias, geometry_of(x.shape(), weight.shape(), options), context);
}

Tensor conv2d_frozen(const Tensor& x, const PackedWeight& weight, const Tensor& bias,
                     Conv2dOptions options, const ComputeContext& context) {
    const Tensor& stored = weight.stored();
    const Precision precision = context.precision_on(Device::cpu);
    if (winograd_pays(x, stored, options))
        return conv2d_winograd(x, weight.winograd(precision), bias, options, context);
    const PackedPanels& panels = weight.left(precision);
    const auto packed_a = [&panels](std::int64_t row, int, std::int64_t k, std::int64_t, float*) {
        return panels.at(row / packed::tile_rows, k);
    };
    return multiply_patches(x, stored.dim(0), packed_a, bias,
                            geometry_of(x.shape(), stored.shape(), options), context);
}

Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                             Conv2dOptions options, const ComputeContext& context) {
    const Patches::Geometry g = geometry_of(x_shape, weight.shape(), options);
    expect_shape(dy, {x_shape[0], weight.dim(0), g.out_h, g.out_w});
    if (options.stride > 1) return backward_input_strided(dy, weight, x_shape, g, context);
    // a convolution like any other, with its faster ways
    const int rows = static_cast<int>(g.kernel_h) - 1, columns = static_cast<int>(g.kernel_w) - 1;
    const Padding& pad = options.padding;
    return conv2d(
        dy, turned_around(weight), {},
        {.padding = {rows - pad.top, columns - pad.left, rows - pad.bottom, columns - pad.right}},
        context);
}

/// dw [O, C kh kw] = dy [O, N h w] times the transposed patches [N h w, C kh kw].
Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                              Conv2dOptions options, const ComputeContext& context) {
    const Patches::Geometry g = geometry_of(x.shape(), weight_shape, options);
    expect_shape(dy, {x.dim(0), weight_shape[0], g.out_h, g.out_w});
    const Patches patches(x, g);
    const std::int64_t out = weight_shape[0], depth = patches.columns(), pixels = g.out_h * g.out_w;
    Tensor dweight(weight_shape);
    context.add_flops(2.0 * out * depth * patches.rows());
    const auto pack_a = [&](std::int64_t row, int rows, std::int64_t k, std::int64_t ks,
                            float* to) {
        // picture by picture
        float* next = to;
        for (std::int64_t end = k + ks; k < end;) {
            const std::int64_t picture = k / pixels, pixel = k % pixels;
            const std::int64_t run = std::min(end - k, pixels - pixel);
            packed::pack_strided<packed::row_panel>(
                dy.data() + (picture * out + row) * pixels + pixel, pixels, 1, rows, run, next);
            k += run;
            next += run * packed::row_panel;
        }
        return to;
    };
    const auto pack_b = [&](std::int64_t column, int columns, std::int64_t k, std::int64_t ks,
                            float* to) {
        constexpr int square = packed::tile_columns;
        // rows of patches, which are columns of the product
        float rows[square][square];
        for (std::int64_t kk = 0; kk < ks; kk += square) {
            float* row = rows[0];
            patches.visit_rows(k + kk, column, columns, [&row](Floats left, Floats right) {
                store(row, left);
                store(row + simd_width, right);
                row += square;
            });
            packed::pack_strided<square>(rows[0], square, 1, columns,
                                         std::min<std::int64_t>(square, ks - kk), to + kk * square);
        }
        return to;
    };
    packed::multiply(
        out, patches.rows(), depth, context.precision_on(Device::cpu), pack_a, pack_b,
        packed::TileOutput({dweight.data(), out, patches.rows(), patches.rows()}, 0, {}));
    return dweight;
}

Tensor sum_channels(const Tensor& dy) {
    const auto [n, channels, height, width] = dy.dims<4>();
    Tensor sums({channels});
    const std::int64_t pictures = n, all = channels, pixels = height * width;
    parallel_for(all, 1, [&](std::int64_t c, std::int64_t) {
        double sum = 0.0;
        for (std::int64_t i = 0; i < pictures; ++i) {
            const float* plane = dy.data() + (i * all + c) * pixels;
            sum += Eigen::Map<const Eigen::ArrayXf>(plane, pixels).cast<double>().sum();
        }
        sums.data()[c] = static_cast<float>(sum);
    });
    return sums;
}

}  // namespace ldm::ops::cpu
