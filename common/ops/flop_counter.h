#pragma once

#include <atomic>

namespace ldm::ops {

/// Counts the FLOPs (a multiply-add is two) of the matrix products, convolutions and attentions
/// that this thread runs while it lives, by the textbook formula, whatever algorithm ran: Winograd
/// is counted as direct convolution. Element-wise ops, norms and softmax are not counted. While a
/// FlopCounter lives inside another one, only the inner one counts.
class [[nodiscard]] FlopCounter {
public:
    FlopCounter();
    ~FlopCounter();
    FlopCounter(const FlopCounter&) = delete;
    FlopCounter& operator=(const FlopCounter&) = delete;

    [[nodiscard]] double flops() const;

    /// May be called by any thread.
    void add(double flops);

private:
    std::atomic<double> flops_ = 0.0;
    FlopCounter* outer_;
};

}  // namespace ldm::ops
