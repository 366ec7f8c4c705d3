#include "common/random/brownian_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "common/error.h"
#include "common/random/seed_sequence.h"
#include "common/random/torch_random.h"

namespace ldm::random {
namespace {

constexpr int pool_size = 24;

/// Python's round(t, 6): the decimal number nearest to the exact value.
double rounded(double t) { return std::strtod(fmt::format("{:.6f}", t).c_str(), nullptr); }

std::vector<float> normal(std::size_t size, std::uint32_t seed) {
    std::vector<float> values(size);
    TorchGenerator(seed).normal(values);
    return values;
}

}  // namespace

BrownianTree::BrownianTree(double t0, double t1, std::size_t size, std::uint64_t seed)
    : top_{rounded(t0), rounded(t1), 0, 0, {}}, seed_(seed) {
    expect(t0 < t1, fmt::format("a Brownian motion from {} to {}", t0, t1));
    top_.w = normal(size, seed_sequence(seed, {}, pool_size, 1)[0]);
    const auto deviation = static_cast<float>(std::sqrt(t1 - t0));
    for (float& w : top_.w) w *= deviation;
}

std::vector<float> BrownianTree::increment(double a, double b) const {
    // the ends were rounded, and what lies beyond them by less than that is them
    constexpr double digit = 1e-6;
    const double from = rounded(std::clamp(a, top_.begin, top_.end));
    const double to = rounded(std::clamp(b, top_.begin, top_.end));
    expect(top_.begin - digit <= a && a <= b && b <= top_.end + digit,
           fmt::format("a Brownian motion from {} to {} has no increment from {} to {}", top_.begin,
                       top_.end, a, b));
    std::vector<float> sum(top_.w.size());
    if (from < to) add(top_, from, to, sum);
    return sum;
}

//! [bridge]
void BrownianTree::add(const Node& node, double a, double b, std::vector<float>& sum) const {
    if (a == node.begin && b == node.end) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += node.w[i];
        return;
    }
    const double middle = rounded(0.5 * (node.begin + node.end));
    const double left = middle - node.begin, right = node.end - middle, all = left + right;
    // the left half given the whole: its share on average, and the variance of a bridge
    const std::vector<float> noise =
        normal(sum.size(), seed_sequence(seed_, {node.key, node.depth}, pool_size, 1)[0]);
    const auto share = static_cast<float>(left / all);
    const auto deviation = static_cast<float>(std::sqrt(left * right / all));
    Node first{node.begin, middle, 2 * node.key, node.depth + 1, noise};
    for (std::size_t i = 0; i < noise.size(); ++i)
        first.w[i] = share * node.w[i] + deviation * noise[i];
    if (a < middle) add(first, a, std::min(b, middle), sum);
    if (b <= middle) return;
    Node second{middle, node.end, 2 * node.key + 1, node.depth + 1, std::move(first.w)};
    for (std::size_t i = 0; i < noise.size(); ++i) second.w[i] = node.w[i] - second.w[i];
    add(second, std::max(a, middle), b, sum);
}
//! [bridge]

}  // namespace ldm::random
