#pragma once

#include <cstddef>
#include <map>

namespace ldm::cuda_on_host {

/// Memory that only kernels and copies may touch: between them its pages are closed, so that a
/// pointer of the device in the wrong hands ends the program there and then, as it would with a
/// GPU. Fresh blocks are full of NaN.
class DeviceMemory {
public:
    static DeviceMemory& instance();

    /// Null when there is no room.
    void* allocate(std::size_t bytes);
    void free(void* memory);

    /// Whether all of these bytes lie in one block that is in use.
    bool contains(const void* at, std::size_t bytes) const;

    /// Of an address from the first.
    std::size_t offset(const void* at) const { return static_cast<const std::byte*>(at) - begin_; }

    std::size_t total() const;
    std::size_t used() const { return used_; }

private:
    DeviceMemory();
    friend class OpenMemory;

    void protect(int how) const;

    std::byte* begin_;
    // end of what was ever in use
    std::byte* end_;
    // blocks in use and their bytes
    std::map<std::byte*, std::size_t> blocks_;
    // that was asked for: most likely the next, too
    mutable std::map<std::byte*, std::size_t>::const_iterator latest_ = blocks_.end();
    std::size_t used_ = 0;
};

/// While it lives, the pages are open.
class OpenMemory {
public:
    OpenMemory();
    ~OpenMemory();
    OpenMemory(const OpenMemory&) = delete;
    OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace ldm::cuda_on_host
