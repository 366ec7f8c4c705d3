#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/report/table.h"

namespace ldm::attention::variants {

/// Times every variant and the project's own kernel on random heads of `width` channels and as many
/// keys as queries, on one thread, and compares each with the definition (ops/reference). A table
/// for every size in `tokens`: milliseconds, GFLOP/s, memory of the scores, largest error.
report::Table benchmark(const std::vector<std::int64_t>& tokens, std::int64_t width,
                        std::uint64_t seed);

/// The same on the GPU, by its own clock, with the project's kernel in float32 and in float16.
/// Nothing where there is no GPU that this program can use.
std::optional<report::Table> benchmark_on_gpu(const std::vector<std::int64_t>& tokens,
                                              std::int64_t width, std::uint64_t seed);

}  // namespace ldm::attention::variants
