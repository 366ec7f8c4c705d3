#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ldm::random {

/// Fills `values` with approximately normal numbers that depend on the name, the seed, the mean and
/// the standard deviation alone: the recipe `procgen-v1` of the reference data. Integer arithmetic
/// and one multiply-add in double precision, so every language gets the same bits.
///
/// The generator is splitmix64 (Steele, Lea & Flood, 2014) started from an FNV-1a hash of the name;
/// each number is the sum of the four 16-bit parts of one output.
void procgen_fill(std::string_view name, std::uint64_t seed, double mean, double std,
                  std::span<float> values);

}  // namespace ldm::random
