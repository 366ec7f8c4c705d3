#pragma once

#include <algorithm>
#include <cstdint>

namespace ldm::ops::cpu {

/// Calls work(begin, end) for pieces of [0, count) on all threads. The pieces have `grain`
/// elements whatever the number of threads, so a sum over a piece does not depend on it.
template <class Work>
void parallel_for(std::int64_t count, std::int64_t grain, const Work& work) {
    const std::int64_t pieces = (count + grain - 1) / grain;
#pragma omp parallel for schedule(static) if (pieces > 1)
    for (std::int64_t i = 0; i < pieces; ++i) work(i * grain, std::min(count, (i + 1) * grain));
}

/// Elements that are worth a piece of their own in work as cheap as an addition.
inline constexpr std::int64_t elementwise_grain = 1 << 15;

}  // namespace ldm::ops::cpu
