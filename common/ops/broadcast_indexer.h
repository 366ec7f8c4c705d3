#pragma once

#include <cstdint>
#include <utility>

#include "common/tensor/shape.h"

namespace ldm::ops {

/// The shape of a broadcast result, or an Error that names both shapes.
Shape broadcast_shape(const Shape& a, const Shape& b);

/// How to iterate over two tensors under the axes of their common shape, innermost first: a step is
/// 0 along an axis that is repeated. Neighbouring axes that are one stride in both tensors are
/// merged into one.
struct BroadcastIndexer {
    Shape extents;
    Shape steps_a, steps_b;

    BroadcastIndexer(const Shape& common, const Shape& a, const Shape& b);

    /// How many times the innermost axis is gone through.
    std::int64_t rows() const;

    /// Where row r (everything but the innermost axis) starts in a and in b.
    std::pair<std::int64_t, std::int64_t> start(std::int64_t r) const;

private:
    void push(std::int64_t extent, std::int64_t step_a, std::int64_t step_b);
};

}  // namespace ldm::ops
