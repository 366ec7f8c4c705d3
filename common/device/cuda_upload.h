#pragma once

#include <cstdint>

namespace ldm::cuda {

/// Many numbers of the host on their way to the GPU, in the stream's order. `from` has been read
/// when this returns; that they have arrived nobody waits for, unless more is on its way than what
/// lies in between can hold: eight copies, of at most 2 MiB each.
void upload(void* to, const void* from, std::int64_t bytes);

}  // namespace ldm::cuda
