#pragma once

#include <cuda_runtime.h>

/// Sums and maxima over the threads of a block.
namespace ldm::cuda {

struct Sum {
    template <class Number>
    __device__ Number operator()(Number a, Number b) const {
        return a + b;
    }
};

struct Largest {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// What `combine` makes of the values of all threads of the warp, in each of them.
template <class Number, class Combine>
__device__ Number reduce_warp(Number value, Combine combine) {
    for (int distance = 16; distance > 0; distance /= 2)
        value = combine(value, __shfl_xor_sync(~0u, value, distance));
    return value;
}

/// The same for a block of whole warps in one dimension; every thread has to come.
template <class Number, class Combine>
__device__ Number reduce_block(Number value, Combine combine) {
    __shared__ Number of_warp[32];
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int warps = static_cast<int>(blockDim.x) / 32;
    value = reduce_warp(value, combine);
    // no thread still reads the result before this one
    __syncthreads();
    if (lane == 0) of_warp[warp] = value;
    __syncthreads();
    value = of_warp[0];
    for (int i = 1; i < warps; ++i) value = combine(value, of_warp[i]);
    return value;
}

}  // namespace ldm::cuda
