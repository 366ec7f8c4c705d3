#pragma once

#include <atomic>

namespace ldm::ops {

/// Counts the floating-point operations of the matrix products, convolutions and attentions that
/// run while it lives, two for each multiplication of the definition (a faster algorithm is not
/// credited for what it leaves out). Without one in scope nothing is counted. One at a time.
class WorkCount {
public:
    WorkCount();
    ~WorkCount();
    WorkCount(const WorkCount&) = delete;
    WorkCount& operator=(const WorkCount&) = delete;

    double operations() const { return operations_; }

private:
    friend void add_work(double operations);
    std::atomic<double> operations_ = 0.0;
};

/// What an op calls that has done work worth counting.
void add_work(double operations);

}  // namespace ldm::ops
