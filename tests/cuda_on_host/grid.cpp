#include "tests/cuda_on_host/grid.h"

#include <ucontext.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tests/cuda_on_host/accesses.h"
#include "tests/cuda_on_host/device_memory.h"

namespace ldm::cuda_on_host {
namespace {

constexpr std::size_t stack_bytes = 64 << 10;
constexpr unsigned largest_block = 1024, shown_bytes = 16;

enum class State { ready, at_block_barrier, at_warp_barrier, done };

struct Fiber {
    dim3 thread;
    State state = State::ready;
    // lanes of the warp barrier that it waits at
    unsigned mask = 0;
    bool begun = false;
    ucontext_t context;
    jmp_buf place;
    // what it shows, then its stack
    unsigned char* memory;
};

// stay for the next block
std::vector<std::unique_ptr<Fiber>> fibers;
unsigned fiber_count = 0;
Fiber* current = nullptr;
unsigned current_index = 0;
jmp_buf scheduler;
void (*running_kernel)(const void*) = nullptr;
const void* its_arguments = nullptr;

unsigned char* memory_of(std::size_t fiber) {
    static unsigned char* const memory = [] {
        static const auto all =
            std::make_unique_for_overwrite<unsigned char[]>(largest_block * stack_bytes);
        accesses::are_private(all.get(), all.get() + largest_block * stack_bytes);
        return all.get();
    }();
    return memory + fiber * stack_bytes;
}

void body() {
    running_kernel(its_arguments);
    current->state = State::done;
    _longjmp(scheduler, 1);
}

/// Lets fiber `i` run until it waits or ends.
void give_turn(unsigned i) {
    Fiber& fiber = *fibers[i];
    current = &fiber;
    current_index = i;
    threadIdx = fiber.thread;
    accesses::thread_goes_on(i);
    if (_setjmp(scheduler)) return;
    if (fiber.begun) _longjmp(fiber.place, 1);
    fiber.begun = true;
    getcontext(&fiber.context);
    fiber.context.uc_stack = {fiber.memory + shown_bytes, 0, stack_bytes - shown_bytes};
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, body, 0);
    setcontext(&fiber.context);
}

void wait(State state, unsigned mask = 0) {
    current->state = state;
    current->mask = mask;
    if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}

/// The warp that begins at `first` goes on when all whom the waiting ones name have come.
bool release_warp(unsigned first) {
    bool released = false;
    const unsigned last = std::min(first + warp_size, fiber_count);
    for (unsigned i = first; i < last; ++i) {
        Fiber& fiber = *fibers[i];
        if (fiber.state != State::at_warp_barrier) continue;
        if (!(fiber.mask >> (i - first) & 1))
            misused("a lane waits in a warp operation whose mask does not name it");
        const unsigned mask = fiber.mask;
        bool all = true;
        for (unsigned j = first; j < first + warp_size; ++j)
            if (mask >> (j - first) & 1 && j < last)
                all &= fibers[j]->state == State::at_warp_barrier && fibers[j]->mask == mask;
        if (!all) continue;
        for (unsigned j = first; j < last; ++j)
            if (mask >> (j - first) & 1) fibers[j]->state = State::ready;
        released = true;
    }
    return released;
}

bool all_are(State state) {
    for (unsigned i = 0; i < fiber_count; ++i)
        if (fibers[i]->state != state) return false;
    return true;
}

void run_block(dim3 block) {
    fiber_count = block.x * block.y * block.z;
    while (fibers.size() < fiber_count) {
        fibers.push_back(std::make_unique<Fiber>());
        fibers.back()->memory = memory_of(fibers.size() - 1);
    }
    for (unsigned i = 0; i < fiber_count; ++i) {
        fibers[i]->thread = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
        fibers[i]->state = State::ready;
        fibers[i]->begun = false;
    }
    accesses::block_begins();
    while (true) {
        for (unsigned i = 0; i < fiber_count; ++i)
            while (fibers[i]->state == State::ready) give_turn(i);
        bool released = false;
        for (unsigned first = 0; first < fiber_count; first += warp_size)
            released |= release_warp(first);
        if (released) continue;
        if (all_are(State::done)) return;
        if (!all_are(State::at_block_barrier)) misused("threads wait for others that do not come");
        accesses::barrier_passed();
        for (unsigned i = 0; i < fiber_count; ++i) fibers[i]->state = State::ready;
    }
}

}  // namespace

void misused(const std::string& what) {
    std::fprintf(stderr, "CUDA on the host, block (%u %u %u): %s\n", blockIdx.x, blockIdx.y,
                 blockIdx.z, what.c_str());
    std::abort();
}

void run_grid(dim3 grid, dim3 block, void (*kernel)(const void*), const void* arguments) {
    if (current) misused("a kernel started by a kernel");
    const OpenMemory open;
    gridDim = grid;
    blockDim = block;
    running_kernel = kernel;
    its_arguments = arguments;
    accesses::kernel_begins();
    for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) run_block(block);
    accesses::kernel_ends();
    current = nullptr;
}

int lane() { return static_cast<int>(current_index % warp_size); }
void wait_for_block() { wait(State::at_block_barrier); }
void wait_for_warp(unsigned mask) { wait(State::at_warp_barrier, mask); }
unsigned char* shown_by(int lane) {
    return fibers[current_index / warp_size * warp_size + lane]->memory;
}

}  // namespace ldm::cuda_on_host
