#pragma once

#include <cstdint>
#include <optional>

#include "common/report/table.h"

/// Every variant of gpu.h and the project's own kernels at the sizes of Stable Diffusion 1.5: two
/// pictures, as guidance has them, of `side` x `side` pixels with 320 channels.
/// By the GPU's own clock; the error is the distance from what the CPU computes. Nothing where
/// there is no GPU that this program can use.

namespace ldm::resblock::variants {

/// A table of milliseconds, how often each number was read and written, GB/s in all, and largest
/// errors.
std::optional<report::Table> benchmark_norms_on_gpu(std::int64_t side, std::uint64_t seed);

/// A table of milliseconds, TFLOP/s and largest errors.
std::optional<report::Table> benchmark_convolutions_on_gpu(std::int64_t side, std::uint64_t seed);

}  // namespace ldm::resblock::variants
