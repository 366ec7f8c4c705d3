#include "common/device/cuda_device.h"

#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <vector>

#include "common/device/cuda.cuh"
#include "common/error.h"

namespace ldm::cuda {
namespace {

std::string mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Sizes come in classes, eight from each power of two to the next, so that a waiting block fits more often.
std::int64_t size_class(std::int64_t bytes) {
    constexpr std::int64_t smallest = 512;
    const auto step = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(std::max(bytes, smallest)))) / 8;
    const std::int64_t unit = std::max(step, smallest);
    return std::max((bytes + unit - 1) / unit * unit, smallest);
}

class Blocks {
public:
    void* take(std::int64_t bytes) {
        const std::scoped_lock lock(mutex_);
        const std::int64_t size = size_class(bytes);
        void* memory = nullptr;
        if (auto found = waiting_.find(size); found != waiting_.end() && !found->second.empty()) {
            memory = found->second.back();
            found->second.pop_back();
            waiting_bytes_ -= size;
        } else {
            memory = fresh(size);
        }
        now_ += size;
        peak_ = std::max(peak_, now_);
        return memory;
    }

    /// What the stream still does with the block comes before what the next owner asks of it.
    void give_back(void* memory, std::int64_t bytes) {
        const std::scoped_lock lock(mutex_);
        const std::int64_t size = size_class(bytes);
        waiting_[size].push_back(memory);
        waiting_bytes_ += size;
        now_ -= size;
    }

    MemoryUse use() {
        const std::scoped_lock lock(mutex_);
        return {now_, peak_, waiting_bytes_};
    }

    void forget_peak() {
        const std::scoped_lock lock(mutex_);
        peak_ = now_;
    }

    /// Never destroyed: tensors of static lifetime may die after everything else.
    static Blocks& instance() {
        static Blocks& blocks = *new Blocks;
        return blocks;
    }

private:
    void* fresh(std::int64_t size) {
        void* memory = nullptr;
        if (cudaMalloc(&memory, size) == cudaSuccess) return memory;
        cudaGetLastError();  // forgets it
        check(cudaStreamSynchronize(stream()));
        for (auto& [bytes, blocks] : waiting_)
            for (void* block : blocks) check(cudaFree(block));
        waiting_.clear();
        waiting_bytes_ = 0;
        if (cudaMalloc(&memory, size) == cudaSuccess) return memory;
        cudaGetLastError();
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total));
        throw Error("the GPU's memory is full: " + mebibytes(size) + " asked for, " + mebibytes(free) + " free of " + mebibytes(total) +
                    ", " + mebibytes(now_) + " in tensors");
    }

    std::mutex mutex_;
    std::map<std::int64_t, std::vector<void*>> waiting_;
    std::int64_t now_ = 0, peak_ = 0, waiting_bytes_ = 0;
};

}  // namespace

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
    return std::string(properties.name) + ", " + mebibytes(properties.totalGlobalMem);
}

std::shared_ptr<void> allocate(std::int64_t bytes) {
    void* const memory = Blocks::instance().take(bytes);
    return {memory, [bytes](void* p) { Blocks::instance().give_back(p, bytes); }};
}

MemoryUse memory_use() { return Blocks::instance().use(); }
void forget_memory_peak() { Blocks::instance().forget_peak(); }

void copy_to_device(void* to, const void* from, std::int64_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));  // has read `from` when it returns
}

void copy_to_host(void* to, const void* from, std::int64_t bytes) {
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
