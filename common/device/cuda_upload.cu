#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "common/device/cuda.cuh"
#include "common/device/cuda_upload.h"

namespace ldm::cuda {
namespace {

/// The GPU fetches numbers by itself only from memory that the system leaves in its place
/// ("pinned"). Some of that lies in between, in pieces that take turns: while one is fetched, the
/// next is filled.
class Pieces {
public:
    Pieces() {
        check(cudaMallocHost(&memory_, count * size));
        for (cudaEvent_t& event : fetched_)
            check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    }

    void send(char* to, const char* from, std::int64_t bytes) {
        const std::scoped_lock lock(mutex_);
        for (std::int64_t sent = 0; sent < bytes; sent += size) {
            const std::int64_t part = std::min(size, bytes - sent);
            char* const piece = static_cast<char*>(memory_) + next_ * size;
            // what it held before
            check(cudaEventSynchronize(fetched_[next_]));
            std::memcpy(piece, from + sent, part);
            check(cudaMemcpyAsync(to + sent, piece, part, cudaMemcpyHostToDevice, stream()));
            check(cudaEventRecord(fetched_[next_], stream()));
            next_ = (next_ + 1) % count;
        }
    }

private:
    static constexpr std::int64_t size = 2 << 20, count = 8;

    std::mutex mutex_;
    void* memory_ = nullptr;
    std::array<cudaEvent_t, count> fetched_;
    std::int64_t next_ = 0;
};

}  // namespace

void upload(void* to, const void* from, std::int64_t bytes) {
    // never destroyed: the GPU may be gone by then
    static Pieces& pieces = *new Pieces;
    pieces.send(static_cast<char*>(to), static_cast<const char*>(from), bytes);
}

}  // namespace ldm::cuda
