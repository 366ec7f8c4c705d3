#pragma once

#include <cstddef>
#include <string>

/// Watches where the threads of a kernel read and write, as compute-sanitizer does on a GPU: g++
/// compiles the `.cu` files with -fsanitize=thread, which calls a function before each access, and
/// the functions are ours instead of the sanitizer's library.
///
/// Threads take turns here, so nothing ever goes wrong by chance. But each number remembers who
/// touched it last, and two threads that touch the same one, at least one of them writing it, are a
/// race unless a barrier lies between the two. Between the blocks of a kernel there is none. A
/// warp's exchanges order nothing in memory (CUDA Programming Guide, "Warp Shuffle Functions").
namespace ldm::cuda_on_host::accesses {

void kernel_begins();
void kernel_ends();
void block_begins();
/// All threads of the block have come to a barrier.
void barrier_passed();

/// That has its turn.
void thread_goes_on(unsigned thread);

/// A thread's own memory lies in [begin, end): nobody else knows its addresses, so it is not
/// watched.
void are_private(const void* begin, const void* end);

}  // namespace ldm::cuda_on_host::accesses
