#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "common/ops/compute_context.h"
#include "common/parallel.h"

namespace ldm::train {

/// take(work(0)), take(work(1)), … take(work(count - 1)), where `parallel` neighbours are computed
/// at the same time, each on one thread and with a tape of its own. Results are taken in order on
/// the calling thread, so sums do not depend on which was ready first.
///
/// An op that is split over two threads is not done in half the time: they wait for each other at
/// its end, and small ops are not split at all. Two micro-batches on a thread each never wait.
///
/// If work throws, so does this, with what was thrown first; of those computed beside it nothing is
/// taken.
template <class Work, class Take>
void parallel_micro_batches(std::int64_t count, std::int64_t parallel, const Work& work,
                            const Take& take) {
    using Result = std::invoke_result_t<Work, std::int64_t>;
    // one after the other, each op on all threads
    if (parallel <= 1) {
        for (std::int64_t i = 0; i < count; ++i) take(work(i));
        return;
    }
    const ops::ComputeContext context = ops::compute_context();
    for (std::int64_t first = 0; first < count; first += parallel) {
        const std::int64_t together = std::min(parallel, count - first);
        std::vector<std::optional<Result>> results(together);
        parallel_tasks(together, static_cast<int>(together), [&](std::int64_t i, int) {
            const ops::WithContext scope(context);
            results[i] = work(first + i);
        });
        for (std::optional<Result>& result : results) take(std::move(*result));
    }
}

}  // namespace ldm::train
