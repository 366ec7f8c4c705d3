#include "common/device/cuda_device.h"

#include <cstring>

#include "common/device/cuda.cuh"
#include "common/device/cuda_memory.h"
#include "common/error.h"

namespace ldm::cuda {

void check(cudaError_t result, std::source_location where) {
    if (result != cudaSuccess) fail(std::string(cudaGetErrorName(result)) + ": " + cudaGetErrorString(result), where);
}

cudaStream_t stream() {
    static const cudaStream_t stream = [] {
        cudaStream_t created;
        check(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking));
        return created;
    }();
    return stream;
}

int compute_capability() {
    static const int capability = [] {
        cudaDeviceProp properties;
        check(cudaGetDeviceProperties(&properties, 0));
        return 10 * properties.major + properties.minor;
    }();
    return capability;
}

std::string why_unusable() {
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    if (result == cudaSuccess && count > 0) return "";
    cudaGetLastError();
    return result == cudaSuccess ? "no GPU found" : cudaGetErrorString(result);
}

std::string describe() {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, 0));
    return std::string(properties.name) + ", " + std::to_string(properties.totalGlobalMem >> 20) + " MiB";
}

void copy_to_device(void* to, const void* from, std::int64_t bytes) {
    if (Reserve* reserve = reserve_in_use()) {  // a graph copies them again and again
        auto& kept = reserve->from_host.emplace_back(std::make_unique<std::byte[]>(bytes));
        from = std::memcpy(kept.get(), from, bytes);
    }
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));  // has read `from` when it returns
}

void copy_to_host(void* to, const void* from, std::int64_t bytes) {
    expect(!reserve_in_use(), "a graph is being written, and there are no numbers yet that could be brought to the host");
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
    synchronize();
}

void copy_on_device(void* to, const void* from, std::int64_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()));
}

double seconds(const std::function<void()>& work) {
    cudaEvent_t begin, end;
    check(cudaEventCreate(&begin));
    check(cudaEventCreate(&end));
    check(cudaEventRecord(begin, stream()));
    work();
    check(cudaEventRecord(end, stream()));
    check(cudaEventSynchronize(end));
    float milliseconds = 0.0f;
    check(cudaEventElapsedTime(&milliseconds, begin, end));
    check(cudaEventDestroy(begin));
    check(cudaEventDestroy(end));
    return milliseconds / 1000.0;
}

void synchronize() { check(cudaStreamSynchronize(stream())); }

}  // namespace ldm::cuda
