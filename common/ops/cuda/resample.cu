#include <cmath>

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/resample.h"

/// One thread for each pixel that is written.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

struct Size {
    std::int64_t h, w;
};

/// A pixel of many planes of one size.
struct Pixel {
    std::int64_t plane, i, j;

    __device__ Pixel(std::int64_t index, Size size)
        : plane(index / (size.h * size.w)), i(index / size.w % size.h), j(index % size.w) {}
};

template <class T>
__global__ void spread_kernel(std::int64_t count, const T* x, Size from, T* y, Size to, int factor,
                              float value) {
    for (std::int64_t index = first_index(); index < count; index += grid_stride()) {
        const Pixel p(index, to);
        const std::int64_t i = p.i / factor, j = p.j / factor;
        y[index] = from_float<T>(i < from.h && j < from.w
                                     ? as_float(x[(p.plane * from.h + i) * from.w + j]) * value
                                     : 0.0f);
    }
}

template <class T>
__global__ void gather_kernel(std::int64_t count, const T* x, Size from, T* y, Size to, int size,
                              float value) {
    for (std::int64_t index = first_index(); index < count; index += grid_stride()) {
        const Pixel p(index, to);
        const T* block = x + (p.plane * from.h + p.i * size) * from.w + p.j * size;
        float sum = 0.0f;
        for (int u = 0; u < size; ++u)
            for (int v = 0; v < size; ++v) sum += as_float(block[u * from.w + v]);
        y[index] = from_float<T>(sum * value);
    }
}

/// Where in its block of x the largest number stands, the first of several that are equal; NaN is
/// larger than all.
template <class T>
__device__ std::int64_t place_of_largest(const T* block, std::int64_t row_step, int size) {
    std::int64_t place = 0;
    for (int u = 0; u < size; ++u)
        for (int v = 0; v < size; ++v) {
            const float here = as_float(block[u * row_step + v]), largest = as_float(block[place]);
            if (here > largest || (here != here && largest == largest)) place = u * row_step + v;
        }
    return place;
}

template <class T>
__global__ void largest_kernel(std::int64_t count, const T* x, Size from, T* y, Size to, int size) {
    for (std::int64_t index = first_index(); index < count; index += grid_stride()) {
        const Pixel p(index, to);
        const T* block = x + (p.plane * from.h + p.i * size) * from.w + p.j * size;
        y[index] = block[place_of_largest(block, from.w, size)];
    }
}

/// For each pixel of dx: dy of its block, if it is the one that was taken.
template <class T>
__global__ void largest_backward_kernel(std::int64_t count, const T* dy, Size to, const T* x, T* dx,
                                        Size from, int size) {
    for (std::int64_t index = first_index(); index < count; index += grid_stride()) {
        const Pixel p(index, from);
        const std::int64_t i = p.i / size, j = p.j / size;
        float grad_output = 0.0f;
        if (i < to.h && j < to.w) {
            const std::int64_t first = (p.plane * from.h + i * size) * from.w + j * size;
            if (first + place_of_largest(x + first, from.w, size) == index)
                grad_output = as_float(dy[(p.plane * to.h + i) * to.w + j]);
        }
        dx[index] = from_float<T>(grad_output);
    }
}

Size size_of(const Tensor& x) { return {x.dim(-2), x.dim(-1)}; }

Shape blocks_shape(const Tensor& x, int size) {
    return {x.dim(0), x.dim(1), x.dim(2) / size, x.dim(3) / size};
}

}  // namespace

Tensor upsample_nearest(const Tensor& x, int factor, float value, const Shape& shape) {
    Tensor y = like(x, shape);
    with_type(x, [&]<class T>(T) {
        launch(spread_kernel<T>, blocks_for(y.size()), block_size, y.size(), numbers<T>(x),
               size_of(x), numbers<T>(y), size_of(y), factor, value);
    });
    return y;
}

Tensor gather_blocks(const Tensor& x, int size, float value) {
    Tensor y = like(x, blocks_shape(x, size));
    with_type(x, [&]<class T>(T) {
        launch(gather_kernel<T>, blocks_for(y.size()), block_size, y.size(), numbers<T>(x),
               size_of(x), numbers<T>(y), size_of(y), size, value);
    });
    return y;
}

Tensor max_pool2d(const Tensor& x, int size) {
    Tensor y = like(x, blocks_shape(x, size));
    with_type(x, [&]<class T>(T) {
        launch(largest_kernel<T>, blocks_for(y.size()), block_size, y.size(), numbers<T>(x),
               size_of(x), numbers<T>(y), size_of(y), size);
    });
    return y;
}

Tensor max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, int size) {
    Tensor dx = like(x, x.shape());
    with_type(x, [&]<class T>(T) {
        launch(largest_backward_kernel<T>, blocks_for(dx.size()), block_size, dx.size(),
               numbers<T>(dy), size_of(y), numbers<T>(x), numbers<T>(dx), size_of(x), size);
    });
    return dx;
}

}  // namespace ldm::ops::cuda
