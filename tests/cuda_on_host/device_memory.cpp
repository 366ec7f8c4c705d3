#include "tests/cuda_on_host/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ldm::cuda_on_host {
namespace {

// of addresses; pages come when they are written
constexpr std::size_t capacity = std::size_t{8} << 30;
constexpr std::size_t alignment = 512;
// between blocks, so that who writes beside one does not hit the next
constexpr std::size_t gap = 512;
int open_count = 0;

}  // namespace

DeviceMemory& DeviceMemory::instance() {
    static DeviceMemory& memory = *new DeviceMemory;
    return memory;
}

DeviceMemory::DeviceMemory() {
    void* memory =
        mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("CUDA on the host: no addresses for the device's memory");
        std::abort();
    }
    begin_ = end_ = static_cast<std::byte*>(memory);
}

std::size_t DeviceMemory::total() const { return capacity; }

void* DeviceMemory::allocate(std::size_t bytes) {
    if (bytes > capacity) return nullptr;
    // the first gap that is wide enough
    std::byte* at = begin_;
    for (const auto& [block, size] : blocks_) {
        if (at + bytes + gap <= block) break;
        at = block + (size + alignment - 1) / alignment * alignment + gap;
    }
    if (at + bytes > begin_ + capacity) return nullptr;
    latest_ = blocks_.insert_or_assign(at, bytes).first;
    used_ += bytes;
    end_ = std::max(end_, at + bytes);
    const OpenMemory open;
    std::memset(at, 0xff, bytes);
    return at;
}

void DeviceMemory::free(void* memory) {
    if (!memory) return;
    const auto found = blocks_.find(static_cast<std::byte*>(memory));
    if (found == blocks_.end()) {
        std::fprintf(stderr, "CUDA on the host: freed what is not in use\n");
        std::abort();
    }
    used_ -= found->second;
    blocks_.erase(found);
    latest_ = blocks_.end();
}

void DeviceMemory::protect(int how) const { mprotect(begin_, end_ - begin_, how); }

bool DeviceMemory::contains(const void* at, std::size_t bytes) const {
    auto* const address = static_cast<std::byte*>(const_cast<void*>(at));
    if (address < begin_ || address >= end_) return false;
    const auto inside = [&](auto it) {
        return it != blocks_.end() && address >= it->first &&
               address + bytes <= it->first + it->second;
    };
    if (inside(latest_)) return true;
    const auto after = blocks_.upper_bound(address);
    if (after == blocks_.begin() || !inside(std::prev(after))) return false;
    latest_ = std::prev(after);
    return true;
}

OpenMemory::OpenMemory() {
    if (open_count++ == 0) DeviceMemory::instance().protect(PROT_READ | PROT_WRITE);
}

OpenMemory::~OpenMemory() {
    if (--open_count == 0) DeviceMemory::instance().protect(PROT_NONE);
}

}  // namespace ldm::cuda_on_host
