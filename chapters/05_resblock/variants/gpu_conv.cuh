#pragma once

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"

namespace ldm::resblock::variants::gpu {

// side of the convolution's kernel
inline constexpr int kernel_side = 3;
// weights of the kernel for one channel
inline constexpr int taps = kernel_side * kernel_side;

/// The operands of the convolution as a kernel is given them. As a product of matrices it is, for
/// each picture,
///
///     y [O, H W] = weights [O, 9 C] columns [9 C, H W]
///
/// where row 9 c + 3 u + v of the columns is channel c, moved by (u - 1, v - 1).
struct Conv {
    int pictures, channels, height, width, out;
    const float *x, *weight, *bias;

    Conv(const Tensor& x, const Tensor& weight, const Tensor& bias)
        : pictures(static_cast<int>(x.dims<4>()[0])),
          channels(static_cast<int>(x.dim(1))),
          height(static_cast<int>(x.dim(2))),
          width(static_cast<int>(x.dim(3))),
          out(static_cast<int>(weight.dims<4>()[0])),
          x(cuda::numbers<float>(x)),
          weight(cuda::numbers<float>(weight)),
          bias(cuda::numbers<float>(bias)) {
        expect_shape(weight, {out, channels, kernel_side, kernel_side});
        expect_shape(bias, {out});
    }

    __host__ __device__ int pixels() const { return height * width; }
    // products in the sum of one output pixel
    __host__ __device__ int terms() const { return channels * taps; }

    //! [column]
    /// x[n, c, i, j], 0 beyond the edge.
    __device__ float pixel(int n, int c, int i, int j) const {
        if (i < 0 || i >= height || j < 0 || j >= width) return 0.0f;
        return x[((static_cast<std::int64_t>(n) * channels + c) * height + i) * width + j];
    }

    /// Row k of column p of picture n: what weight k of the kernel is multiplied with at pixel p.
    __device__ float column(int n, int k, int p) const {
        const int c = k / taps, u = k % taps / kernel_side, v = k % kernel_side;
        return pixel(n, c, p / width + u - 1, p % width + v - 1);
    }
    //! [column]

    /// Where y[n, o, p] lies, of pixel p.
    __device__ std::int64_t place(int n, int o, int p) const {
        return (static_cast<std::int64_t>(n) * out + o) * pixels() + p;
    }
};

/// y, not yet written.
inline Tensor room_for_result(const Conv& conv) {
    return Tensor({conv.pictures, conv.out, conv.height, conv.width}, DType::f32, Device::cuda);
}

}  // namespace ldm::resblock::variants::gpu
