#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/device/cuda_memory.h"
#include "common/device/cuda_upload.h"
#include "common/error.h"

namespace ldm::cuda {

namespace {

std::string words_for(cudaError_t error) {
    return std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
}

/// As the linker knows it (`c++filt` reads that), where CUDA tells.
std::string name_of([[maybe_unused]] const void* kernel) {
#if CUDART_VERSION >= 12030
    const char* name = nullptr;
    if (cudaFuncGetName(&name, kernel) == cudaSuccess && name) return name;
#endif
    return "a kernel";
}

[[noreturn]] void throw_for(cudaError_t result, const std::string& words,
                            std::source_location where) {
    // or the next call would be blamed for it
    cudaGetLastError();
    if (result == cudaErrorMemoryAllocation) throw OutOfMemory(words);
    fail(words, where);
}

cudaStream_t new_stream() {
    cudaStream_t created;
    check(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking));
    return created;
}

}  // namespace

void check(cudaError_t result, std::source_location where) {
    if (result != cudaSuccess) throw_for(result, words_for(result), where);
}

void check_launch(cudaError_t result, const void* kernel) {
    if (result != cudaSuccess)
        throw_for(result, words_for(result) + ", when " + name_of(kernel) + " was started",
                  std::source_location::current());
}

cudaStream_t stream() {
    static const cudaStream_t stream = new_stream();
    return stream;
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
    return std::string(properties.name) + ", " + std::to_string(properties.totalGlobalMem >> 20) +
           " MiB";
}

namespace {

/// A graph that read the host's memory would have to find it there whenever it is launched, and
/// until that is done. So the numbers go to the GPU now, on a stream that nobody writes down, and
/// the graph copies them from there.
std::shared_ptr<void> brought_past_the_stream(const void* from, std::int64_t bytes) {
    static const cudaStream_t other = new_stream();
    std::shared_ptr<void> numbers = allocate_fresh(bytes);
    check(cudaMemcpyAsync(numbers.get(), from, bytes, cudaMemcpyHostToDevice, other));
    check(cudaStreamSynchronize(other));
    return numbers;
}

}  // namespace

void copy_to_device(void* to, const void* from, std::int64_t bytes) {
    if (Reserve* reserve = reserve_in_use()) {
        const void* kept =
            reserve->numbers.emplace_back(brought_past_the_stream(from, bytes)).get();
        return copy_on_device(to, kept, bytes);
    }
    // which has read so few when the call returns
    constexpr std::int64_t kept_by_the_driver = 64 << 10;
    if (bytes > kept_by_the_driver) return upload(to, from, bytes);
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));
}

void copy_to_host(void* to, const void* from, std::int64_t bytes) {
    expect(
        !reserve_in_use(),
        "a graph is being written, and there are no numbers yet that could be brought to the host");
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
