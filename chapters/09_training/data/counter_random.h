#pragma once

#include <array>
#include <cstdint>

namespace ldm::train {

/// What a random number is for. Numbers for different purposes are independent.
enum class Purpose : std::uint32_t {
    shuffle = 1,
    concept_member,
    unbalanced,
    file,
    caption,
    crop,
    flip
};

/// A counter-based random number generator (Salmon et al., 2011): number i for a purpose depends on
/// the seed and on i alone. There is no state, so a training that is resumed needs only its step.
///
/// The numbers are those of Philox4x32-10 with the seed as key and (purpose, i, i >> 32, k) as
/// counter.
class CounterRandom {
public:
    CounterRandom(std::uint64_t seed, Purpose purpose);

    /// Uniform in [0, 1): 53 bits of the first two words. `k` tells several numbers of one i apart.
    double uniform(std::int64_t i, std::uint32_t k = 0) const;

    /// A whole number from 0 to count - 1.
    std::int64_t below(std::int64_t count, std::int64_t i, std::uint32_t k = 0) const;

private:
    std::array<std::uint32_t, 2> key_;
    std::uint32_t purpose_;
};

}  // namespace ldm::train
