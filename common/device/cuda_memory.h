#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace ldm::cuda {

/// What one graph may use, beside what all may: its blocks, when nobody holds them, wait for the
/// graph alone, since it will write to them whenever it is launched.
struct Reserve {
    Reserve() = default;
    // gives the blocks back to everybody
    ~Reserve();
    Reserve(const Reserve&) = delete;
    Reserve& operator=(const Reserve&) = delete;

    // blocks that nobody holds, by their size in bytes
    std::map<std::int64_t, std::vector<void*>> waiting;
    // from the host, of which the graph has a copy
    std::vector<std::shared_ptr<void>> numbers;
};

/// While it lives, this thread's memory comes from the reserve and goes back there.
class TakeFrom {
public:
    explicit TakeFrom(std::shared_ptr<Reserve> reserve);
    ~TakeFrom();
    TakeFrom(const TakeFrom&) = delete;
    TakeFrom& operator=(const TakeFrom&) = delete;

private:
    std::shared_ptr<Reserve> previous_;
};

/// That of this thread, or null.
Reserve* reserve_in_use();

/// Memory that nobody has had before, so that nothing the stream still does writes to it. It is
/// everybody's afterwards.
std::shared_ptr<void> allocate_fresh(std::int64_t bytes);

}  // namespace ldm::cuda
