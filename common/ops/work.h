#pragma once

#include <atomic>

namespace ldm::ops {

/// Counts the floating-point operations of the matrix products, convolutions and attentions that
/// this thread runs while it lives, two for each multiplication of the definition (a faster
/// algorithm is not credited for what it leaves out). Within another one it counts instead of that.
class [[nodiscard]] WorkCount {
public:
    WorkCount();
    ~WorkCount();
    WorkCount(const WorkCount&) = delete;
    WorkCount& operator=(const WorkCount&) = delete;

    [[nodiscard]] double operations() const;

    /// From any thread.
    void add(double operations);

private:
    std::atomic<double> operations_ = 0.0;
    WorkCount* before_;
};

}  // namespace ldm::ops
