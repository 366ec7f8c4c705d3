#include "common/device/build.h"
#include "common/device/cuda.cuh"
#include "common/ops/cuda/conv2d.h"
#include "common/ops/cuda/conv2d_cudnn.h"
#include "common/ops/cuda/divisor.cuh"
#include "common/ops/cuda/elementwise.h"
#include "common/ops/cuda/implicit_gemm.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cudnn_use.h"

/// A convolution is a matrix product: the weights [O, C kh kw] times the patches [C kh kw, N h w].
/// Every pixel is in kh kw patches, so the second matrix would be that much larger than the
/// picture; here it is only thought of (implicit_gemm.cuh), and its elements are looked up in the
/// picture. The two gradients are products of the same kind.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

/// Sizes in 32 bits: a division by them takes a GPU a few instructions instead of a hundred; and
/// what every element is divided by.
struct Geometry {
    // shape of x
    int channels, height, width;
    // shape of y
    int out, out_h, out_w;
    int kernel_h, kernel_w, stride, top, left;
    // a kernel of nothing divides nothing
    Divisor by_taps{std::max(kernel_h * kernel_w, 1)}, by_across{std::max(kernel_w, 1)};

    __host__ __device__ int taps() const { return kernel_h * kernel_w; }
    __host__ __device__ std::int64_t out_pixels() const {
        return static_cast<std::int64_t>(out_h) * out_w;
    }
    __host__ __device__ std::int64_t pixels() const {
        return static_cast<std::int64_t>(height) * width;
    }
};

Geometry geometry_of(const Shape& x, const Shape& weight, const Conv2dOptions& options) {
    const auto narrow = [](std::int64_t n) { return static_cast<int>(n); };
    const Padding& pad = options.padding;
    const int height = narrow(x[2]), width = narrow(x[3]), kernel_h = narrow(weight[2]),
              kernel_w = narrow(weight[3]);
    return {narrow(x[1]),
            height,
            width,
            narrow(weight[0]),
            (height + pad.top + pad.bottom - kernel_h) / options.stride + 1,
            (width + pad.left + pad.right - kernel_w) / options.stride + 1,
            kernel_h,
            kernel_w,
            options.stride,
            pad.top,
            pad.left};
}

/// A pixel of a batch of pictures.
struct Pixel {
    std::int64_t picture;
    int i, j;

    __device__ Pixel(std::int64_t index, int height, int width)
        : picture(index / (static_cast<std::int64_t>(height) * width)) {
        const auto within = static_cast<unsigned>(index - picture * height * width);
        i = static_cast<int>(within / static_cast<unsigned>(width));
        j = static_cast<int>(within % static_cast<unsigned>(width));
    }
};

/// A tap (channel, u, v) of the kernel.
struct Tap {
    int channel, u, v;

    __device__ Tap(std::int64_t k, const Geometry& g) {
        const auto index = static_cast<unsigned>(k);
        channel = static_cast<int>(g.by_taps.of(index));
        const int within = static_cast<int>(index) - channel * g.taps();
        u = static_cast<int>(g.by_across.of(static_cast<unsigned>(within)));
        v = within - u * g.kernel_w;
    }
};

/// x[picture, tap.channel, i s + u - top, j s + v - left], 0 outside.
template <class T>
__device__ T patch_element(const T* x, const Geometry& g, const Pixel& p, const Tap& tap) {
    const int i = p.i * g.stride + tap.u - g.top, j = p.j * g.stride + tap.v - g.left;
    if (i < 0 || i >= g.height || j < 0 || j >= g.width) return from_float<T>(0.0f);
    return x[((p.picture * g.channels + tap.channel) * g.height + i) * g.width + j];
}

// ---- y [O, N h w] = weights [O, C kh kw] patches [C kh kw, N h w]

template <class T>
struct Weights {
    const T* weight;
    std::int64_t terms;

    __device__ T element(std::int64_t o, std::int64_t k) const { return weight[o * terms + k]; }
};

template <class T>
struct Patches {
    const T* x;
    Geometry g;

    __device__ Pixel column(std::int64_t c) const { return {c, g.out_h, g.out_w}; }
    __device__ T element(const Pixel& p, std::int64_t k) const {
        return patch_element(x, g, p, Tap(k, g));
    }
};

/// Rows are channels, columns are the pixels of all pictures.
template <class T>
struct Pictures {
    T* y;
    // or null
    const T* bias;
    std::int64_t channels, pixels;

    __device__ void write(std::int64_t channel, std::int64_t c, unsigned, float sum) const {
        const std::int64_t picture = c / pixels;
        y[(picture * channels + channel) * pixels + c % pixels] =
            from_float<T>(bias ? sum + as_float(bias[channel]) : sum);
    }
};

// ---- dx [C, N H W] = turned weights [C, O kh kw] times those dy that a pixel went into

template <class T>
struct TurnedWeights {
    const T* weight;
    Geometry g;

    __device__ T element(std::int64_t channel, std::int64_t k) const {
        // tap.channel is a channel of dy
        const Tap tap(k, g);
        return weight[((static_cast<std::int64_t>(tap.channel) * g.channels + channel) *
                           g.kernel_h +
                       tap.u) *
                          g.kernel_w +
                      tap.v];
    }
};

template <class T>
struct Receivers {
    const T* dy;
    Geometry g;

    __device__ Pixel column(std::int64_t c) const { return {c, g.height, g.width}; }
    __device__ T element(const Pixel& p, std::int64_t k) const {
        // tap.channel is a channel of dy
        const Tap tap(k, g);
        const int i = p.i + g.top - tap.u, j = p.j + g.left - tap.v;
        if (i < 0 || j < 0 || i % g.stride != 0 || j % g.stride != 0 || i / g.stride >= g.out_h ||
            j / g.stride >= g.out_w)
            return from_float<T>(0.0f);
        return dy[((p.picture * g.out + tap.channel) * g.out_h + i / g.stride) * g.out_w +
                  j / g.stride];
    }
};

// ---- dweight [O, C kh kw] = dy [O, N h w] patches^T [N h w, C kh kw]

template <class T>
struct GradOutput {
    const T* dy;
    Geometry g;

    __device__ T element(std::int64_t o, std::int64_t k) const {
        const std::int64_t picture = k / g.out_pixels();
        return dy[(picture * g.out + o) * g.out_pixels() + k % g.out_pixels()];
    }
};

template <class T>
struct TurnedPatches {
    const T* x;
    Geometry g;

    __device__ Tap column(std::int64_t c) const { return {c, g}; }
    __device__ T element(const Tap& tap, std::int64_t k) const {
        return patch_element(x, g, Pixel(k, g.out_h, g.out_w), tap);
    }
};

template <class T>
struct Matrix {
    T* data;
    std::int64_t columns;

    __device__ void write(std::int64_t row, std::int64_t column, unsigned, float sum) const {
        data[row * columns + column] = from_float<T>(sum);
    }
};

// ---- sums whose terms were shared out

struct PartialSums {
    float* data;  // [parts, rows, columns]
    std::int64_t rows, columns;

    __device__ void write(std::int64_t row, std::int64_t column, unsigned part, float sum) const {
        data[(part * rows + row) * columns + column] = sum;
    }
};

template <class Out>
__global__ void add_parts_kernel(PartialSums sums, unsigned parts, Out out) {
    for (std::int64_t i = first_index(); i < sums.rows * sums.columns; i += grid_stride()) {
        float sum = 0.0f;
        for (unsigned part = 0; part < parts; ++part)
            sum += sums.data[part * sums.rows * sums.columns + i];
        out.write(i / sums.columns, i % sums.columns, 0, sum);
    }
}

template <class T, class Left, class Right, class Out>
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t terms, const Left& left,
              const Right& right, const Out& out) {
    const unsigned parts = parts_for(rows, columns, terms);
    if (parts == 1) return implicit_gemm<T>(rows, columns, terms, 1, left, right, out);
    Tensor sums({parts, rows, columns}, DType::f32, Device::cuda);
    const PartialSums partial{numbers<float>(sums), rows, columns};
    implicit_gemm<T>(rows, columns, terms, parts, left, right, partial);
    launch(add_parts_kernel<Out>, blocks_for(rows * columns), block_size, partial, parts, out);
}

/// The definition has a product for each weight and each place where the kernel lies; so have its
/// gradients.
double flops_of(std::int64_t weights, std::int64_t pictures, const Geometry& g) {
    return 2.0 * weights * pictures * g.out_pixels();
}

}  // namespace

Tensor implicit_gemm_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            Conv2dOptions options, const ComputeContext&) {
    const Geometry g = geometry_of(x.shape(), weight.shape(), options);
    const std::int64_t n = x.dim(0), terms = static_cast<std::int64_t>(g.channels) * g.taps();
    Tensor y = like(x, {n, g.out, g.out_h, g.out_w});
    with_type(x, [&]<class T>(T) {
        multiply<T>(g.out, n * g.out_pixels(), terms, Weights<T>{numbers<T>(weight), terms},
                    Patches<T>{numbers<T>(x), g},
                    Pictures<T>{numbers<T>(y), numbers<T>(bias), g.out, g.out_pixels()});
    });
    return y;
}

Tensor implicit_gemm_conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                           const Shape& x_shape, Conv2dOptions options,
                                           const ComputeContext&) {
    const Geometry g = geometry_of(x_shape, weight.shape(), options);
    Tensor dx = like(dy, x_shape);
    with_type(dy, [&]<class T>(T) {
        multiply<T>(g.channels, x_shape[0] * g.pixels(),
                    static_cast<std::int64_t>(g.out) * g.taps(),
                    TurnedWeights<T>{numbers<T>(weight), g}, Receivers<T>{numbers<T>(dy), g},
                    Pictures<T>{numbers<T>(dx), nullptr, g.channels, g.pixels()});
    });
    return dx;
}

Tensor implicit_gemm_conv2d_backward_weight(const Tensor& dy, const Tensor& x,
                                            const Shape& weight_shape, Conv2dOptions options,
                                            const ComputeContext&) {
    const Geometry g = geometry_of(x.shape(), weight_shape, options);
    const std::int64_t columns = static_cast<std::int64_t>(g.channels) * g.taps();
    Tensor dweight = like(dy, weight_shape);
    with_type(dy, [&]<class T>(T) {
        multiply<T>(g.out, columns, x.dim(0) * g.out_pixels(), GradOutput<T>{numbers<T>(dy), g},
                    TurnedPatches<T>{numbers<T>(x), g}, Matrix<T>{numbers<T>(dweight), columns});
    });
    return dweight;
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options,
              const ComputeContext& context) {
    context.add_flops(
        flops_of(weight.size(), x.dim(0), geometry_of(x.shape(), weight.shape(), options)));
    if constexpr (build::has_cudnn)
        if (context.cudnn.conv2d)
            if (const Tensor y = cudnn_conv2d(x, weight, bias, options, context)) return y;
    return implicit_gemm_conv2d(x, weight, bias, options, context);
}

Tensor conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                             Conv2dOptions options, const ComputeContext& context) {
    const Geometry g = geometry_of(x_shape, weight.shape(), options);
    expect_shape(dy, {x_shape[0], g.out, g.out_h, g.out_w});
    context.add_flops(flops_of(weight.size(), x_shape[0], g));
    if constexpr (build::has_cudnn)
        if (context.cudnn.conv2d)
            if (const Tensor dx =
                    cudnn_conv2d_backward_input(dy, weight, x_shape, options, context))
                return dx;
    return implicit_gemm_conv2d_backward_input(dy, weight, x_shape, options, context);
}

Tensor conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                              Conv2dOptions options, const ComputeContext& context) {
    const Geometry g = geometry_of(x.shape(), weight_shape, options);
    expect_shape(dy, {x.dim(0), g.out, g.out_h, g.out_w});
    context.add_flops(flops_of(element_count(weight_shape), x.dim(0), g));
    if constexpr (build::has_cudnn)
        if (context.cudnn.conv2d)
            if (const Tensor dweight =
                    cudnn_conv2d_backward_weight(dy, x, weight_shape, options, context))
                return dweight;
    return implicit_gemm_conv2d_backward_weight(dy, x, weight_shape, options, context);
}

Tensor sum_channels(const Tensor& dy) {
    const std::int64_t channels = dy.dim(1);
    return cuda::sum_to(dy, {1, channels, 1, 1}).reshape({channels});
}

}  // namespace ldm::ops::cuda
