#include "common/device/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <list>
#include <mutex>
#include <new>

#include "common/error.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace ldm {
namespace {

// whole pages, however large the system has them
constexpr std::int64_t page = std::int64_t{64} << 10;
constexpr std::int64_t huge_page = std::int64_t{2} << 20;

#ifdef __SANITIZE_ADDRESS__
// so that AddressSanitizer sees a block die
constexpr bool reuse = false;
#else
constexpr bool reuse = true;
#endif

struct Block {
    void* memory;
    std::int64_t bytes;
};

std::atomic<std::int64_t> in_use = 0, most_in_use = 0;

[[noreturn]] void out_of_memory(std::int64_t bytes) {
    constexpr double mebibyte = 1 << 20;
    throw OutOfMemory(fmt::format(
        "the memory is full: {:.1f} MiB asked for, {:.1f} MiB in use; smaller pictures, fewer at a "
        "time or fewer threads need less",
        static_cast<double>(bytes) / mebibyte, static_cast<double>(in_use) / mebibyte));
}

#ifdef __linux__
/// From the system itself, so that it has the block back at once when it is released. Null when
/// the system has no more.
Block fresh(std::int64_t bytes) {
    void* memory = mmap(nullptr, bytes + huge_page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return {nullptr, bytes};
    auto* const start = static_cast<std::byte*>(memory);
    const std::int64_t before = -reinterpret_cast<std::intptr_t>(start) & (huge_page - 1);
    if (before > 0) munmap(start, before);
    munmap(start + before + bytes, huge_page - before);
    // a wish; the answer does not matter
    madvise(start + before, bytes, MADV_HUGEPAGE);
    return {start + before, bytes};
}

void release(const Block& block) { munmap(block.memory, block.bytes); }
#else
Block fresh(std::int64_t bytes) {
    return {::operator new (bytes, std::align_val_t{page}, std::nothrow), bytes};
}
void release(const Block& block) { ::operator delete (block.memory, std::align_val_t{page}); }
#endif

void count(std::int64_t bytes) {
    const std::int64_t now = in_use += bytes;
    std::int64_t most = most_in_use;
    while (now > most && !most_in_use.compare_exchange_weak(most, now)) {
    }
}

/// The blocks that wait, the one freed last in front.
class WaitingBlocks {
public:
    Block take(std::int64_t bytes) {
        {
            const std::scoped_lock lock(mutex_);
            const auto fits = std::ranges::find(blocks_, bytes, &Block::bytes);
            if (fits != blocks_.end()) {
                const Block block = *fits;
                blocks_.erase(fits);
                waiting_ -= bytes;
                return block;
            }
            release_surplus(bytes);
        }
        Block block = fresh(bytes);
        if (!block.memory) {
            // those that wait for tensors of other sizes are in the way now
            release_all();
            block = fresh(bytes);
        }
        if (!block.memory) out_of_memory(bytes);
        return block;
    }

    void give_back(const Block& block) noexcept {
        const std::scoped_lock lock(mutex_);
        try {
            blocks_.push_front(block);
        } catch (const std::bad_alloc&) {
            release(block);
            return;
        }
        waiting_ += block.bytes;
        release_surplus();
    }

    void let_wait(std::int64_t bytes) {
        const std::scoped_lock lock(mutex_);
        most_waiting_ = most_ = bytes;
        release_surplus();
    }

    std::int64_t waiting() {
        const std::scoped_lock lock(mutex_);
        return waiting_;
    }

    /// Never destroyed: tensors of static lifetime may die after everything else.
    static WaitingBlocks& instance() {
        static WaitingBlocks& blocks = *new WaitingBlocks;
        return blocks;
    }

private:
    void release_all() {
        const std::scoped_lock lock(mutex_);
        for (const Block& block : blocks_) release(block);
        blocks_.clear();
        waiting_ = 0;
    }

    /// Makes room for `coming` bytes, too.
    void release_surplus(std::int64_t coming = 0) {
        while (!blocks_.empty() &&
               (waiting_ > most_waiting_ || in_use + waiting_ + coming > most_)) {
            release(blocks_.back());
            waiting_ -= blocks_.back().bytes;
            blocks_.pop_back();
        }
    }

    std::mutex mutex_;
    std::list<Block> blocks_;
    std::int64_t waiting_ = 0;
    std::int64_t most_waiting_ = std::int64_t{512} << 20;
    // limit for waiting blocks and blocks in use together
    std::int64_t most_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace

MemoryUse memory_use() { return {in_use, most_in_use, WaitingBlocks::instance().waiting()}; }
void forget_memory_peak() { most_in_use = in_use.load(); }

std::shared_ptr<void> allocate(std::int64_t bytes) {
    if (bytes < huge_page || !reuse) {
        constexpr std::align_val_t cache_line{64};
        void* memory = ::operator new(std::max<std::int64_t>(bytes, 1), cache_line, std::nothrow);
        if (!memory) out_of_memory(bytes);
        count(bytes);
        return {memory, [bytes](void* p) {
                    ::operator delete(p, cache_line);
                    count(-bytes);
                }};
    }
    if (bytes > std::numeric_limits<std::int64_t>::max() - 2 * huge_page) out_of_memory(bytes);
    const Block block = WaitingBlocks::instance().take((bytes + page - 1) / page * page);
    count(bytes);
    return {block.memory, [block, bytes](void*) {
                count(-bytes);
                WaitingBlocks::instance().give_back(block);
            }};
}

void let_wait(std::int64_t bytes) { WaitingBlocks::instance().let_wait(bytes); }

}  // namespace ldm
