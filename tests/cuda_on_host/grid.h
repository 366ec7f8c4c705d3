#pragma once

#include <cstdint>
#include <cstring>
#include <string>

/// A grid of threads on the processor. The threads of a block are fibers: each has a stack of its
/// own and runs until it waits for others or ends; then the next one has its turn. Blocks run one
/// after the other.
namespace ldm::cuda_on_host {

inline constexpr int warp_size = 32;

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Of the thread whose turn it is.
inline dim3 gridDim, blockDim, blockIdx, threadIdx;

/// Calls kernel(arguments) once for each thread of each block. Aborts with a message where a GPU
/// would hang or behave as it likes: when threads wait at a barrier that others of the block have
/// passed by, or when a warp's exchange names lanes that do not come.
void run_grid(dim3 grid, dim3 block, void (*kernel)(const void*), const void* arguments);

/// Ends the program with a message.
[[noreturn]] void misused(const std::string& what);

/// The place in its warp of the thread whose turn it is.
int lane();

/// Returns when every thread of the block has come here.
void wait_for_block();

/// Returns when every thread of the warp that `mask` names has come here.
void wait_for_warp(unsigned mask);

/// The 16 bytes that each lane of the warp shows the others.
unsigned char* shown_by(int lane);

/// Shows `value` to the warp and returns what lane `from` shows.
template <class T>
T exchange(unsigned mask, T value, int from) {
    static_assert(sizeof(T) <= 16);
    std::memcpy(shown_by(lane()), &value, sizeof value);
    wait_for_warp(mask);
    std::memcpy(&value, shown_by(from), sizeof value);
    // nobody shows the next before all have seen this
    wait_for_warp(mask);
    return value;
}

}  // namespace ldm::cuda_on_host
