#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace ldm::random {

/// The random numbers of PyTorch's CPU generator, bit for bit: a seed then draws the same picture
/// here and there.
///
///     TorchGenerator noise(42);        // torch.manual_seed(42)
///     noise.normal(values);            // torch.randn(values.size())
///
/// Both use the Mersenne Twister mt19937; what matters is how its 32-bit words become floats.
/// Defined in ATen/native/cpu/DistributionTemplates.h and ATen/core/DistributionsHelper.h.
class TorchGenerator {
public:
    explicit TorchGenerator(std::uint64_t seed);

    /// torch.randn: standard normal numbers. Fewer than 16 and 16 or more of them are different
    /// streams in PyTorch, and the last 16 of a size that 16 does not divide are drawn twice.
    void normal(std::span<float> values);

    /// torch.rand: uniform in [0, 1).
    void uniform(std::span<float> values);

    /// torch.randint(low, high): integers in [low, high).
    void randint(std::int64_t low, std::int64_t high, std::span<std::int64_t> values);

    /// torch.randperm: the numbers below n in an order drawn by lot. n below 214 million.
    std::vector<std::int64_t> randperm(std::int64_t n);

    /// Everything that decides the numbers to come, as text. restore() goes on from there, to the
    /// last bit, and throws an Error for anything that state() has not written.
    std::string state() const;
    void restore(const std::string& state);

private:
    std::uint64_t word64();
    float uniform_float();
    double uniform_double();
    float next_normal();

    std::mt19937 words_;
    /// Box-Muller makes two numbers; the other one waits here
    std::optional<double> second_;
};

}  // namespace ldm::random
