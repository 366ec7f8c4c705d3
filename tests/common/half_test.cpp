#include "common/io/half.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

using namespace ldm::io;

namespace {

/// The value of a 16-bit float from its definition: sign, exponent, mantissa.
double decode(std::uint16_t bits, int exponent_bits) {
    const int mantissa_bits = 15 - exponent_bits;
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
    const double fraction = bits & ((1 << mantissa_bits) - 1);
    const double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction ? std::nan("") : sign * std::numeric_limits<double>::infinity();
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - mantissa_bits);
    return sign * std::ldexp(1 + fraction / (1 << mantissa_bits), exponent - bias);
}

}  // namespace

TEST_CASE("every 16-bit float has the value of its definition and survives the way back") {
    for (std::uint32_t i = 0; i < 0x10000; ++i) {
        const auto bits = static_cast<std::uint16_t>(i);
        const double half = decode(bits, 5), bfloat = decode(bits, 8);
        if (std::isnan(half)) {
            REQUIRE(std::isnan(half_to_float(bits)));
            REQUIRE(std::isnan(half_to_float(float_to_half(half_to_float(bits)))));
        } else {
            REQUIRE(half_to_float(bits) == half);
            REQUIRE(std::signbit(half_to_float(bits)) == std::signbit(half));
            REQUIRE(float_to_half(half_to_float(bits)) == bits);
        }
        if (std::isnan(bfloat)) {
            REQUIRE(std::isnan(bfloat16_to_float(float_to_bfloat16(bfloat16_to_float(bits)))));
        } else {
            REQUIRE(bfloat16_to_float(bits) == bfloat);
            REQUIRE(float_to_bfloat16(bfloat16_to_float(bits)) == bits);
        }
    }
}

TEST_CASE("rounding goes to the nearest 16-bit float, ties to the even one") {
    // neighbours among the positive halves
    for (std::uint16_t low = 0; low < 0x7BFF; ++low) {
        const float a = half_to_float(low), b = half_to_float(low + 1);
        // exact
        const float middle = (a + b) / 2;
        const std::uint16_t even = low % 2 == 0 ? low : low + 1;
        REQUIRE(float_to_half(middle) == even);
        REQUIRE(float_to_half(std::nextafter(middle, a)) == low);
        REQUIRE(float_to_half(std::nextafter(middle, b)) == low + 1);
        REQUIRE(float_to_half(-middle) == (even | 0x8000));
    }
    // the largest that is not infinite
    CHECK(float_to_half(65519.996f) == 0x7BFF);
    CHECK(float_to_half(65520.0f) == 0x7C00);
    CHECK(float_to_half(1e-10f) == 0);
    CHECK(float_to_half(-1e-10f) == 0x8000);

    // tie, even below
    CHECK(float_to_bfloat16(std::bit_cast<float>(0x3F808000u)) == 0x3F80);
    // tie, even above
    CHECK(float_to_bfloat16(std::bit_cast<float>(0x3F818000u)) == 0x3F82);
    CHECK(float_to_bfloat16(std::bit_cast<float>(0x3F808001u)) == 0x3F81);
    // rounds to infinity
    CHECK(float_to_bfloat16(std::numeric_limits<float>::max()) == 0x7F80);
}

TEST_CASE("whole arrays convert like single numbers") {
    std::vector<std::uint16_t> bits(0x10000), back(bits.size());
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
    std::vector<float> floats(bits.size());

    const auto same_bits = [](float a, float b) {
        return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    };
    half_to_float(bits, floats);
    for (std::size_t i = 0; i < bits.size(); ++i)
        REQUIRE(same_bits(floats[i], half_to_float(bits[i])));
    float_to_half(floats, back);
    for (std::size_t i = 0; i < bits.size(); ++i) REQUIRE(back[i] == float_to_half(floats[i]));
    bfloat16_to_float(bits, floats);
    for (std::size_t i = 0; i < bits.size(); ++i)
        REQUIRE(same_bits(floats[i], bfloat16_to_float(bits[i])));
    float_to_bfloat16(floats, back);
    for (std::size_t i = 0; i < bits.size(); ++i) REQUIRE(back[i] == float_to_bfloat16(floats[i]));

    CHECK_THROWS(half_to_float(std::span(bits).first(3), floats));
}
