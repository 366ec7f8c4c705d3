#include "common/random/procgen.h"

#include "common/random/mix.h"

namespace ldm::random {
namespace {

std::uint64_t fnv1a(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (unsigned char byte : text) hash = (hash ^ byte) * 0x100000001B3;
    return hash;
}

}  // namespace

void procgen_fill(std::string_view name, std::uint64_t seed, double mean, double std,
                  std::span<float> values) {
    // of four uniform 16-bit numbers
    constexpr double deviation_of_sum = 37837.22740;
    const std::uint64_t start = mix(fnv1a(name) ^ seed);
    const double scale = static_cast<float>(std / deviation_of_sum);
    const auto count = static_cast<std::int64_t>(values.size());
    // The state only ever grows by one constant, so every element can be computed on its own.
#pragma omp parallel for simd schedule(static) if (parallel : count > 1 << 14)
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t r = mix(start + static_cast<std::uint64_t>(i + 1) * 0x9E3779B97F4A7C15);
        const std::int64_t parts =
            (r & 0xFFFF) + (r >> 16 & 0xFFFF) + (r >> 32 & 0xFFFF) + (r >> 48);
        values[i] = static_cast<float>(mean + static_cast<double>(parts - 131070) * scale);
    }
}

}  // namespace ldm::random
