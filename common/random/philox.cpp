#include "common/random/philox.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <sstream>

#include "common/random/state_text.h"

namespace ldm::random {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
        const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
        const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
        counter = {high(b) ^ counter[1] ^ key[0], low(b), high(a) ^ counter[3] ^ key[1], low(a)};
        // the golden ratio
        key[0] += 0x9E3779B9;
        // sqrt(3) - 1
        key[1] += 0xBB67AE85;
    }
    return counter;
}

PhiloxGenerator::PhiloxGenerator(std::uint64_t seed)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {}

void PhiloxGenerator::normal(std::span<float> values) {
    // Half a step is added, so that the logarithm never sees zero (curand_normal.h).
    constexpr float step = 0x1p-32f;
    constexpr float angle_step = static_cast<float>(0x1p-32 * 2 * std::numbers::pi);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto words = philox4x32({call_, 0, static_cast<std::uint32_t>(i), 0}, key_);
        const float u = static_cast<float>(words[0]) * step + step / 2;
        const float angle = static_cast<float>(words[1]) * angle_step + angle_step / 2;
        values[i] = std::sqrt(-2 * std::log(u)) * std::sin(angle);
    }
    ++call_;
}

std::string PhiloxGenerator::state() const {
    return write_state("philox4x32", fmt::format("{} {} {}", key_[0], key_[1], call_));
}

void PhiloxGenerator::restore(const std::string& state) {
    std::istringstream text(read_state("philox4x32", state));
    text.imbue(std::locale::classic());
    text >> key_[0] >> key_[1] >> call_;
}

}  // namespace ldm::random
