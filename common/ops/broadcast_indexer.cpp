#include "common/ops/broadcast_indexer.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::ops {

Shape broadcast_shape(const Shape& a, const Shape& b) {
    const Shape& longer = a.size() >= b.size() ? a : b;
    const Shape& shorter = a.size() >= b.size() ? b : a;
    Shape common = longer;
    for (std::size_t back = 1; back <= shorter.size(); ++back) {
        std::int64_t& extent = common[common.size() - back];
        const std::int64_t other = shorter[shorter.size() - back];
        if (extent == 1)
            extent = other;
        else if (other != 1 && other != extent)
            fail(fmt::format("{} and {} do not broadcast", to_string(a), to_string(b)));
    }
    return common;
}

BroadcastIndexer::BroadcastIndexer(const Shape& common, const Shape& a, const Shape& b) {
    std::int64_t step_a = 1, step_b = 1;
    for (std::size_t back = 0; back < common.size(); ++back) {
        const std::int64_t extent = common[common.size() - 1 - back];
        const std::int64_t in_a = back < a.size() ? a[a.size() - 1 - back] : 1;
        const std::int64_t in_b = back < b.size() ? b[b.size() - 1 - back] : 1;
        if (extent != 1) push(extent, in_a == 1 ? 0 : step_a, in_b == 1 ? 0 : step_b);
        step_a *= in_a;
        step_b *= in_b;
    }
    if (extents.empty()) push(1, 0, 0);
}

std::int64_t BroadcastIndexer::rows() const {
    std::int64_t count = 1;
    for (std::size_t i = 1; i < extents.size(); ++i) count *= extents[i];
    return count;
}

std::pair<std::int64_t, std::int64_t> BroadcastIndexer::start(std::int64_t r) const {
    std::int64_t at_a = 0, at_b = 0;
    for (std::size_t i = 1; i < extents.size(); ++i) {
        at_a += r % extents[i] * steps_a[i];
        at_b += r % extents[i] * steps_b[i];
        r /= extents[i];
    }
    return {at_a, at_b};
}

void BroadcastIndexer::push(std::int64_t extent, std::int64_t step_a, std::int64_t step_b) {
    if (!extents.empty() && step_a == steps_a.back() * extents.back() &&
        step_b == steps_b.back() * extents.back()) {
        extents.back() *= extent;
        return;
    }
    extents.push_back(extent);
    steps_a.push_back(step_a);
    steps_b.push_back(step_b);
}

}  // namespace ldm::ops
