#pragma once

// What nvcc and the CUDA runtime would give a `.cu` file, for a C++ compiler: kernels run on the
// processor, one block after the other, its threads taking turns. It is for tests, where no GPU is
// to be had: it finds wrong indices, missing barriers and wrong arithmetic. It knows nothing of
// time.
//
// Names, signatures and rules are those of the CUDA C++ Programming Guide and the runtime's
// reference manual.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/cuda_on_host/grid.h"
#include "tests/cuda_on_host/stream.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
// there is one block at a time
#define __shared__ static
#define __constant__ static

using ldm::cuda_on_host::blockDim;
using ldm::cuda_on_host::blockIdx;
using ldm::cuda_on_host::dim3;
using ldm::cuda_on_host::gridDim;
using ldm::cuda_on_host::threadIdx;

inline constexpr int warpSize = ldm::cuda_on_host::warp_size;

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

// ---- inside a kernel

inline void __syncthreads() { ldm::cuda_on_host::wait_for_block(); }

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize) {
    const int own = ldm::cuda_on_host::lane();
    return ldm::cuda_on_host::exchange(mask, value, own / width * width + (lane & (width - 1)));
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize) {
    const int own = ldm::cuda_on_host::lane(), from = own ^ lanes;
    return ldm::cuda_on_host::exchange(mask, value, from / width == own / width ? from : own);
}

inline float normcdff(float x) { return 0.5f * std::erfc(-x * 0.70710678f); }
inline float __expf(float x) { return std::exp(x); }
using std::max;
using std::min;

namespace ldm::cuda_on_host {

struct Registers {
    unsigned words[4];
};

/// What every lane of the warp shows.
inline void show_all(const Registers& own, Registers (&all)[32]) {
    std::memcpy(shown_by(lane()), &own, sizeof own);
    wait_for_warp(~0u);
    for (int from = 0; from < 32; ++from) std::memcpy(&all[from], shown_by(from), sizeof own);
    wait_for_warp(~0u);
}

/// mma.m16n8k16 with the fragments of the PTX ISA: every lane shows its registers and computes its
/// four sums.
template <class T>
void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    const int own = lane(), row = own / 4, pair = 2 * (own % 4);
    Registers all_a[32], all_b[32];
    show_all({a[0], a[1], a[2], a[3]}, all_a);
    show_all({b[0], b[1], 0, 0}, all_b);
    const auto number = [](unsigned word, int which) {
        T both[2];
        std::memcpy(both, &word, sizeof word);
        return number_of(both[which]);
    };
    // element (r, k) of A and (k, c) of B
    const auto of_a = [&](int r, int k) {
        return number(all_a[r % 8 * 4 + k % 8 / 2].words[r / 8 + k / 8 * 2], k % 2);
    };
    const auto of_b = [&](int k, int c) {
        return number(all_b[c * 4 + k % 8 / 2].words[k / 8], k % 2);
    };
    for (int i = 0; i < 4; ++i) {
        const int r = row + i / 2 * 8, c = pair + i % 2;
        for (int k = 0; k < 16; ++k) d[i] += of_a(r, k) * of_b(k, c);
    }
}

}  // namespace ldm::cuda_on_host

// ---- around kernels

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorStreamCaptureUnsupported = 900
};
enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal,
    cudaStreamCaptureModeThreadLocal,
    cudaStreamCaptureModeRelaxed
};
enum { cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2 };

using cudaStream_t = CUstream_st*;
using cudaEvent_t = struct CUevent_st*;
using cudaGraph_t = struct CUgraph_st*;
using cudaGraphExec_t = struct CUgraphExec_st*;

struct cudaDeviceProp {
    char name[256];
    std::size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
    std::size_t sharedMemPerBlock;
};

struct cudaFuncAttributes {
    int ptxVersion;
};

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    std::size_t dynamicSmemBytes;
    cudaStream_t stream;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
    const auto [x, y, z] = config->blockDim;
    if (x * y * z > 1024 || x * y * z == 0 || config->gridDim.y > 65535 ||
        config->gridDim.z > 65535)
        return cudaErrorInvalidConfiguration;
    ldm::cuda_on_host::ask(config->stream, [grid = config->gridDim, block = config->blockDim,
                                            kernel, ... values = Parameters(arguments)] {
        // these two are not watched: they read the arguments where the host keeps them
        const auto call = [&]() __attribute__((no_sanitize("thread"))) { kernel(values...); };
        using Call = decltype(call);
        ldm::cuda_on_host::run_grid(
            grid, block, [](const void* of_thread) __attribute__((no_sanitize("thread"))) {
                (*static_cast<Call*>(of_thread))();
            },
            &call);
    });
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
template <class... Parameters>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*)(Parameters...)) {
    cudaDeviceProp properties;
    cudaGetDeviceProperties(&properties, 0);
    // compiled for just this one
    attributes->ptxVersion = 10 * properties.major + properties.minor;
    return cudaSuccess;
}
cudaError_t cudaGetLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, std::size_t bytes);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* at, int byte, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);
