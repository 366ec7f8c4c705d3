#include <bit>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/device/cuda_memory.h"
#include "common/error.h"

namespace ldm::cuda {
namespace {

std::string mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// LDM_CUDA_CACHE=0: every block is as large as was asked for and given back at once, so that
/// compute-sanitizer sees who writes beside it or reads what nobody wrote.
const bool cached = [] {
    const char* const wish = std::getenv("LDM_CUDA_CACHE");
    return !wish || std::string(wish) != "0";
}();

/// Sizes come in classes, eight from each power of two to the next, so that a waiting block fits
/// more often.
std::int64_t size_class(std::int64_t bytes) {
    if (!cached) return std::max<std::int64_t>(bytes, 1);
    constexpr std::int64_t smallest = 512;
    const auto step = static_cast<std::int64_t>(
                          std::bit_floor(static_cast<std::uint64_t>(std::max(bytes, smallest)))) /
                      8;
    const std::int64_t unit = std::max(step, smallest);
    return std::max((bytes + unit - 1) / unit * unit, smallest);
}

class Blocks {
public:
    void* take(std::int64_t bytes, Reserve* reserve) {
        const std::scoped_lock lock(mutex_);
        const std::int64_t size = size_class(bytes);
        void* memory = reserve ? one_of(reserve->waiting, size) : nullptr;
        if (!memory && cached && (memory = one_of(waiting_, size))) waiting_bytes_ -= size;
        if (!memory) memory = fresh(size, reserve);
        return count(memory, size);
    }

    void* take_fresh(std::int64_t bytes) {
        const std::scoped_lock lock(mutex_);
        return count(fresh(size_class(bytes), reserve_in_use()), size_class(bytes));
    }

    /// What the stream still does with the block comes before what the next owner asks of it.
    void give_back(void* memory, std::int64_t bytes, Reserve* reserve) {
        const std::scoped_lock lock(mutex_);
        const std::int64_t size = size_class(bytes);
        now_ -= size;
        if (reserve) return reserve->waiting[size].push_back(memory);
        if (!cached) {
            cudaStreamSynchronize(stream());
            // what goes wrong here went wrong before, and this is no place to throw
            cudaFree(memory);
            return;
        }
        waiting_[size].push_back(memory);
        waiting_bytes_ += size;
    }

    void release_waiting() {
        const std::scoped_lock lock(mutex_);
        release();
    }

    void end(Reserve& reserve) {
        const std::scoped_lock lock(mutex_);
        for (auto& [size, blocks] : reserve.waiting) {
            waiting_[size].insert(waiting_[size].end(), blocks.begin(), blocks.end());
            waiting_bytes_ += size * static_cast<std::int64_t>(blocks.size());
        }
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
    using Waiting = std::map<std::int64_t, std::vector<void*>>;

    static void* one_of(Waiting& waiting, std::int64_t size) {
        const auto found = waiting.find(size);
        if (found == waiting.end() || found->second.empty()) return nullptr;
        void* const memory = found->second.back();
        found->second.pop_back();
        return memory;
    }

    void* count(void* memory, std::int64_t size) {
        now_ += size;
        peak_ = std::max(peak_, now_);
        return memory;
    }

    /// Hands all that waits back to the GPU.
    void release() {
        check(cudaStreamSynchronize(stream()));
        const Waiting given_back = std::exchange(waiting_, {});
        waiting_bytes_ = 0;
        for (const auto& [bytes, blocks] : given_back)
            for (void* block : blocks) check(cudaFree(block));
    }

    void* fresh(std::int64_t size, const Reserve* reserve) {
        void* memory = nullptr;
        if (cudaMalloc(&memory, size) == cudaSuccess) return memory;
        // forgets it
        cudaGetLastError();
        // a stream that is being written down cannot be waited for
        if (!reserve) {
            release();
            if (cudaMalloc(&memory, size) == cudaSuccess) return memory;
            cudaGetLastError();
        }
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total));
        throw OutOfMemory("the GPU's memory is full: " + mebibytes(size) + " asked for, " +
                          mebibytes(free) + " free of " + mebibytes(total) + ", " +
                          mebibytes(now_) + " in tensors");
    }

    std::mutex mutex_;
    Waiting waiting_;
    std::int64_t now_ = 0, peak_ = 0, waiting_bytes_ = 0;
};

thread_local std::shared_ptr<Reserve> current_reserve;

}  // namespace

Reserve::~Reserve() { Blocks::instance().end(*this); }

TakeFrom::TakeFrom(std::shared_ptr<Reserve> reserve)
    : previous_(std::exchange(current_reserve, std::move(reserve))) {}
TakeFrom::~TakeFrom() { current_reserve = std::move(previous_); }

Reserve* reserve_in_use() { return current_reserve.get(); }

std::shared_ptr<void> allocate(std::int64_t bytes) {
    void* const memory = Blocks::instance().take(bytes, current_reserve.get());
    return {memory, [bytes, reserve = current_reserve](void* p) {
                Blocks::instance().give_back(p, bytes, reserve.get());
            }};
}

std::shared_ptr<void> allocate_fresh(std::int64_t bytes) {
    return {Blocks::instance().take_fresh(bytes),
            [bytes](void* p) { Blocks::instance().give_back(p, bytes, nullptr); }};
}

void release_waiting_memory() { Blocks::instance().release_waiting(); }

MemoryUse memory_use() { return Blocks::instance().use(); }
void forget_memory_peak() { Blocks::instance().forget_peak(); }

}  // namespace ldm::cuda
