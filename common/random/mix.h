#pragma once

#include <cstdint>

namespace ldm::random {

/// The finalizer of splitmix64: every bit of x changes half of the bits of the result.
constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

}  // namespace ldm::random
