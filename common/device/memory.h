#pragma once

#include <cstdint>
#include <memory>

namespace ldm {

/// Memory for the numbers of a tensor, aligned to a cache line, not yet written.
///
/// A network asks for the same few sizes again and again, and memory fresh from the system costs a
/// page fault for every 4 kB: about as much as the ops that only read and write. So large blocks
/// are laid out in pages of 2 MB where the system has them, and a freed one waits for the next
/// tensor of its size. At most 512 MB wait; the oldest goes first. Safe to use from several
/// threads. An OutOfMemory, which says how much was asked for, when the system has no more.
[[nodiscard]] std::shared_ptr<void> allocate(std::int64_t bytes);

/// How many bytes of tensors there are now, the most there were since forget_memory_peak(), and how
/// many wait for the next.
struct MemoryUse {
    std::int64_t now, peak, waiting;
};
MemoryUse memory_use();
void forget_memory_peak();

/// Lets that many bytes wait from now on, less those in use. A training step frees at its end all
/// that it kept for the gradients, and the next one asks for the same sizes again: with the most
/// that was ever in use, nearly all of them wait, and the program never has much more than that.
void let_wait(std::int64_t bytes);

}  // namespace ldm
