#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ldm::random {

/// A Brownian motion that is fixed by its seed alone: whoever asks for other intervals, or in
/// another order, looks at the same path. So a stochastic sampler with twice as many steps follows
/// the same noise. Each half of an interval is drawn given the whole (a Brownian bridge), with a
/// seed that belongs to the interval's place in a binary tree.
/// The numbers of torchsde 0.2.6, BrownianTree(t0, w0, t1, entropy=seed), on a CPU; times are
/// rounded to 6 digits behind the point, as there.
class BrownianTree {
public:
    /// A motion of `size` numbers from t0 to t1; t0 < t1.
    BrownianTree(double t0, double t1, std::size_t size, std::uint64_t seed);

    /// W(b) - W(a), normal with variance b - a, for t0 <= a <= b <= t1. Throws for other times.
    [[nodiscard]] std::vector<float> increment(double a, double b) const;

private:
    /// an interval of the tree, and how the motion moves in it
    struct Node {
        double begin, end;
        std::uint64_t key, depth;
        std::vector<float> w;
    };
    void add(const Node& node, double a, double b, std::vector<float>& sum) const;

    Node top_;
    std::uint64_t seed_;
};

}  // namespace ldm::random
