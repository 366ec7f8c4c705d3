#include "common/random/torch_random.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <sstream>
#include <utility>

#include "common/error.h"
#include "common/random/box_muller.h"
#include "common/random/state_text.h"

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
    // a float has 24 bits
    constexpr std::uint32_t mask = (1u << 24) - 1;
    return static_cast<float>(words_() & mask) * 0x1p-24f;
}

std::uint64_t TorchGenerator::word64() {
    const std::uint64_t high = words_();
    return high << 32 | words_();
}

double TorchGenerator::uniform_double() {
    return static_cast<double>(word64() & ((1ull << 53) - 1)) * 0x1p-53;
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
    expect(low < high, fmt::format("expected low < high, got {} and {}", low, high));
    const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    // A remainder of few words favours small numbers; PyTorch takes twice the bits from here on.
    constexpr std::uint64_t many = 1ull << 28;
    for (std::int64_t& value : values) {
        const std::uint64_t word = range < many ? words_() : word64();
        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + word % range);
    }
}

std::vector<std::int64_t> TorchGenerator::randperm(std::int64_t n) {
    constexpr std::int64_t too_many = std::numeric_limits<std::uint32_t>::max() / 20;
    expect(n >= 0 && n < too_many,
           fmt::format("expected 0 to {} numbers, got {}", too_many - 1, n));
    std::vector<std::int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t i = 0; i + 1 < n; ++i)
        std::swap(order[i], order[i + words_() % static_cast<std::uint64_t>(n - i)]);
    return order;
}

std::string TorchGenerator::state() const {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << words_ << ' ' << second_.has_value() << ' '
         << std::bit_cast<std::uint64_t>(second_.value_or(0.0));
    return write_state("mt19937", text.str());
}

void TorchGenerator::restore(const std::string& state) {
    std::istringstream text(read_state("mt19937", state));
    text.imbue(std::locale::classic());
    bool waits;
    std::uint64_t bits;
    text >> words_ >> waits >> bits;
    second_.reset();
    if (waits) second_ = std::bit_cast<double>(bits);
}

}  // namespace ldm::random
