#pragma once

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"

/// A function of single numbers, for all numbers of a tensor. Such a kernel waits for memory and
/// nothing else, so it asks for 16 bytes at a time.
namespace ldm::ops::cuda {

/// y[i] = f(x[i])
template <class T, class F>
__global__ void map_kernel(std::int64_t count, const T* x, T* y, F f) {
    using namespace ldm::cuda;
    constexpr int width = Pack<T>::width;
    const std::int64_t packs = count / width;
    for (std::int64_t p = first_index(); p < packs; p += grid_stride()) {
        const Pack<T> in = reinterpret_cast<const Pack<T>*>(x)[p];
        Pack<T> out;
        for (int i = 0; i < width; ++i) out.numbers[i] = from_float<T>(f(as_float(in.numbers[i])));
        reinterpret_cast<Pack<T>*>(y)[p] = out;
    }
    for (std::int64_t i = packs * width + first_index(); i < count; i += grid_stride())
        y[i] = from_float<T>(f(as_float(x[i])));
}

/// y[i] = f(a[i], b[i])
template <class T, class F>
__global__ void map_pairs_kernel(std::int64_t count, const T* a, const T* b, T* y, F f) {
    using namespace ldm::cuda;
    constexpr int width = Pack<T>::width;
    const std::int64_t packs = count / width;
    for (std::int64_t p = first_index(); p < packs; p += grid_stride()) {
        const Pack<T> left = reinterpret_cast<const Pack<T>*>(a)[p],
                      right = reinterpret_cast<const Pack<T>*>(b)[p];
        Pack<T> out;
        for (int i = 0; i < width; ++i)
            out.numbers[i] =
                from_float<T>(f(as_float(left.numbers[i]), as_float(right.numbers[i])));
        reinterpret_cast<Pack<T>*>(y)[p] = out;
    }
    for (std::int64_t i = packs * width + first_index(); i < count; i += grid_stride())
        y[i] = from_float<T>(f(as_float(a[i]), as_float(b[i])));
}

template <class F>
Tensor map(const Tensor& x, F f) {
    using namespace ldm::cuda;
    Tensor y = like(x, x.shape());
    with_type(x, [&]<class T>(T) {
        launch(map_kernel<T, F>, blocks_for(x.size() / Pack<T>::width + 1), block_size, x.size(),
               numbers<T>(x), numbers<T>(y), f);
    });
    return y;
}

/// For two tensors of one shape.
template <class F>
Tensor map(const Tensor& a, const Tensor& b, F f) {
    using namespace ldm::cuda;
    expect_shape(b, a.shape());
    Tensor y = like(a, a.shape());
    with_type(a, [&]<class T>(T) {
        launch(map_pairs_kernel<T, F>, blocks_for(a.size() / Pack<T>::width + 1), block_size,
               a.size(), numbers<T>(a), numbers<T>(b), numbers<T>(y), f);
    });
    return y;
}

}  // namespace ldm::ops::cuda
