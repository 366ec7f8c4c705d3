#pragma once

#include <cstdint>
#include <vector>

namespace ldm::random {

/// numpy.random.SeedSequence(entropy, spawn_key=…, pool_size=…).generate_state(count): well-mixed
/// 32-bit seeds for many generators from one seed and the place of each in a tree. The mixing is
/// O'Neill's (pcg-random.org, "developing a seed_seq alternative", 2015); upstream:
/// numpy/random/bit_generator.pyx.
std::vector<std::uint32_t> seed_sequence(std::uint64_t entropy,
                                         const std::vector<std::uint64_t>& spawn_key, int pool_size,
                                         int count);

}  // namespace ldm::random
