#include "common/random/torch_random.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "common/error.h"
#include "common/random/box_muller.h"

namespace ldm::random {
namespace {

constexpr std::size_t block = 16;

/// Eight uniform numbers, then the eight they are paired with, become normal ones in place.
void make_normal(std::span<float, block> values) {
    for (std::size_t i = 0; i < block / 2; ++i) {
        const auto [a, b] = box_muller(1 - values[i], values[i + block / 2]);
        values[i] = a;
        values[i + block / 2] = b;
    }
}

}  // namespace

// PyTorch takes 64 bits and uses the lower 32.
TorchGenerator::TorchGenerator(std::uint64_t seed) : words_(static_cast<std::uint32_t>(seed)) {}

float TorchGenerator::uniform_float() {
    constexpr std::uint32_t mask = (1u << 24) - 1;  // a float has 24 bits
    return static_cast<float>(words_() & mask) * 0x1p-24f;
}

double TorchGenerator::uniform_double() {
    const std::uint64_t high = words_();
    const std::uint64_t word = high << 32 | words_();
    return static_cast<double>(word & ((1ull << 53) - 1)) * 0x1p-53;
}

float TorchGenerator::next_normal() {
    if (second_) return static_cast<float>(*std::exchange(second_, std::nullopt));
    const double u = uniform_double();
    const double v = uniform_double();
    const double radius = std::sqrt(-2 * std::log1p(-v));
    const double theta = 2 * std::numbers::pi * u;
    second_ = radius * std::sin(theta);
    return static_cast<float>(radius * std::cos(theta));
}

void TorchGenerator::normal(std::span<float> values) {
    if (values.size() < block) {
        for (float& value : values) value = next_normal();
        return;
    }
    uniform(values);
    for (std::size_t i = 0; i + block <= values.size(); i += block)
        make_normal(values.subspan(i).first<block>());
    if (values.size() % block != 0) {
        const auto tail = values.last<block>();
        uniform(tail);
        make_normal(tail);
    }
}

void TorchGenerator::uniform(std::span<float> values) {
    for (float& value : values) value = uniform_float();
}

void TorchGenerator::randint(std::int64_t low, std::int64_t high, std::span<std::int64_t> values) {
    const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    expect(low < high && range <= 1ull << 32,
           fmt::format("expected low < high, at most 2^32 apart, got {} and {}", low, high));
    for (std::int64_t& value : values) value = low + static_cast<std::int64_t>(words_() % range);
}

}  // namespace ldm::random
