#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda_on_host/cuda_runtime.h"
#include "tests/cuda_on_host/device_memory.h"
#include "tests/cuda_on_host/stream.h"

using ldm::cuda_on_host::DeviceMemory;
using ldm::cuda_on_host::OpenMemory;

struct CUevent_st {
    std::chrono::steady_clock::time_point at;
};

cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {
        "processor, one thread at a time", DeviceMemory::instance().total(), 8, 0, 1, 48 << 10};
    return cudaSuccess;
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "cudaSuccess";
        case cudaErrorMemoryAllocation:
            return "cudaErrorMemoryAllocation";
        case cudaErrorStreamCaptureUnsupported:
            return "cudaErrorStreamCaptureUnsupported";
        default:
            return "cudaErrorInvalidValue";
    }
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorStreamCaptureUnsupported:
            return "operation not permitted when stream is capturing";
        default:
            return "invalid argument";
    }
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    *memory = DeviceMemory::instance().allocate(bytes);
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void* memory) {
    DeviceMemory::instance().free(memory);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
    *memory = std::malloc(bytes);
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    *total = DeviceMemory::instance().total();
    *free = *total - DeviceMemory::instance().used();
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const DeviceMemory& memory = DeviceMemory::instance();
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (memory.contains(to, bytes) != to_device || memory.contains(from, bytes) != from_device)
        return cudaErrorInvalidValue;
    // CUDA writes such a copy down, but the host's memory would have to stay what and where it is
    // until the last launch is done.
    if (ldm::cuda_on_host::capturing(stream) && kind != cudaMemcpyDeviceToDevice)
        return cudaErrorStreamCaptureUnsupported;
    ldm::cuda_on_host::ask(stream, [=] {
        const OpenMemory open;
        std::memmove(to, from, bytes);
    });
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* at, int byte, std::size_t bytes, cudaStream_t stream) {
    if (!DeviceMemory::instance().contains(at, bytes)) return cudaErrorInvalidValue;
    ldm::cuda_on_host::ask(stream, [=] {
        const OpenMemory open;
        std::memset(at, byte, bytes);
    });
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    *stream = new CUstream_st;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return ldm::cuda_on_host::capturing(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    *event = new CUevent_st;
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    return cudaEventCreate(event);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    event->at = std::chrono::steady_clock::now();
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    *milliseconds = std::chrono::duration<float, std::milli>(end->at - begin->at).count();
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
