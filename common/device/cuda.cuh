#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <source_location>
#include <type_traits>

#include "common/error.h"

/// What every `.cu` file needs around its kernels.
namespace ldm::cuda {

/// Throws an Error with CUDA's own words when a call failed; OutOfMemory where that is what went
/// wrong.
void check(cudaError_t result, std::source_location where = std::source_location::current());

/// The same for the start of a kernel, which it names.
void check_launch(cudaError_t result, const void* kernel);

/// Everything runs here, in order.
cudaStream_t stream();

/// Starts a kernel; it runs some time after this returns.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads,
            std::type_identity_t<Parameters>... arguments) {
    // nothing to do
    if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
    cudaLaunchConfig_t config{};
    config.gridDim = blocks;
    config.blockDim = threads;
    config.stream = stream();
    check_launch(cudaLaunchKernelEx(&config, kernel, arguments...),
                 reinterpret_cast<const void*>(kernel));
}

/// Threads in a block, where nothing speaks for another number.
inline constexpr int block_size = 256;

/// Blocks for a kernel whose threads go through `count` things in strides of the whole grid: enough
/// to fill any GPU.
inline dim3 blocks_for(std::int64_t count) {
    constexpr std::int64_t most = 16384;
    return dim3(static_cast<unsigned>(std::min((count + block_size - 1) / block_size, most)));
}

/// How many pieces of `size` cover `count`.
inline unsigned pieces(std::int64_t count, std::int64_t size) {
    return static_cast<unsigned>((count + size - 1) / size);
}

inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// In a kernel: the first thing of this thread, and how far it is to its next.
__device__ inline std::int64_t first_index() {
    return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t grid_stride() {
    return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

}  // namespace ldm::cuda
