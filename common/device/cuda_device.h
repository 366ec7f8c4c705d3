#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/device/memory.h"

/// The GPU as the rest of the program sees it: memory, and copies to and from it. One GPU, one
/// stream: what is asked for is done in the order in which it was asked for, and of these functions
/// copy_to_host and synchronize wait until it is. copy_to_device has read its numbers when it
/// returns, and waits only where much is on its way already.
namespace ldm::cuda {

/// Empty when there is a GPU that this program can use.
std::string why_unusable();

/// Its name and memory.
std::string describe();

/// A block on the GPU, aligned to 512 bytes, not yet written. A freed one waits for the next of
/// about its size; only when the GPU has no more are the waiting ones handed back. Throws an Error
/// that says how much was asked for and how much was free.
std::shared_ptr<void> allocate(std::int64_t bytes);

/// Hands the waiting ones back now, when the GPU is done with them.
void release_waiting_memory();

MemoryUse memory_use();
void forget_memory_peak();

void copy_to_device(void* to, const void* from, std::int64_t bytes);
void copy_to_host(void* to, const void* from, std::int64_t bytes);
void copy_on_device(void* to, const void* from, std::int64_t bytes);

/// How long the GPU takes for what `work` asks of it, in seconds, by its own clock.
double seconds(const std::function<void()>& work);

/// Returns when everything that was asked for is done; throws what went wrong on the way.
void synchronize();

}  // namespace ldm::cuda
