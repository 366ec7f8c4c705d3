#include "chapters/09_training/data/counter_random.h"

#include "common/random/philox.h"

namespace ldm::train {

CounterRandom::CounterRandom(std::uint64_t seed, Purpose purpose)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      purpose_(static_cast<std::uint32_t>(purpose)) {}

double CounterRandom::uniform(std::int64_t i, std::uint32_t k) const {
    const auto n = static_cast<std::uint64_t>(i);
    const auto words = random::philox4x32(
        {purpose_, static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), k}, key_);
    const std::uint64_t word = std::uint64_t{words[0]} << 32 | words[1];
    return static_cast<double>(word >> 11) * 0x1p-53;
}

std::int64_t CounterRandom::below(std::int64_t count, std::int64_t i, std::uint32_t k) const {
    return static_cast<std::int64_t>(uniform(i, k) * static_cast<double>(count));
}

}  // namespace ldm::train
