#pragma once

#include <cstdint>
#include <vector>

#include "common/report/table.h"

namespace ldm::attention::ladder {

/// Times every rung and the project's own kernel on random heads of `width` channels and as many
/// keys as queries, on one thread, and compares each with the definition (ops/reference). A table
/// for every size in `tokens`: milliseconds, GFLOP/s, scratch memory, largest error.
report::Table race(const std::vector<std::int64_t>& tokens, std::int64_t width, std::uint64_t seed);

}  // namespace ldm::attention::ladder
