#include "common/random/procgen.h"

#include <bit>
#include <cmath>
#include <vector>

#include "tests/support/catch.h"

using ldm::random::procgen_fill;

TEST_CASE("procgen: the check values of the recipe") {
    std::vector<float> values(4);
    procgen_fill("check", 1, 0, 1, values);
    const std::vector<std::uint32_t> expected = {0xBE2DCCEC, 0x3F07D9D9, 0x3D5202DB, 0x3DA60F74};
    for (int i = 0; i < 4; ++i) CHECK(std::bit_cast<std::uint32_t>(values[i]) == expected[i]);
}

TEST_CASE("procgen: every value follows the recipe's loop, with a mean and in parallel") {
    const std::string name = "input_blocks.1.0.in_layers.2.weight";
    const std::uint64_t seed = 77;
    const double mean = 0.25, std = 0.031;
    std::vector<float> values(200'003);
    procgen_fill(name, seed, mean, std, values);

    const auto mix = [](std::uint64_t x) {
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
        x = (x ^ x >> 27) * 0x94D049BB133111EB;
        return x ^ x >> 31;
    };
    std::uint64_t h = 0xCBF29CE484222325;
    for (const unsigned char c : name) h = (h ^ c) * 0x100000001B3;
    std::uint64_t state = mix(h ^ seed);
    const double k = static_cast<float>(std / 37837.22740);
    double sum = 0, squares = 0;
    for (const float value : values) {
        state += 0x9E3779B97F4A7C15;
        const std::uint64_t r = mix(state);
        const auto s = static_cast<std::int64_t>((r & 0xFFFF) + (r >> 16 & 0xFFFF) +
                                                 (r >> 32 & 0xFFFF) + (r >> 48)) -
                       131070;
        REQUIRE(value == static_cast<float>(mean + static_cast<double>(s) * k));
        sum += value;
        squares += (value - mean) * (value - mean);
    }
    const double n = static_cast<double>(values.size());
    CHECK(std::abs(sum / n - mean) < 5 * std / std::sqrt(n));
    CHECK(std::abs(std::sqrt(squares / n) / std - 1) < 0.01);
}

TEST_CASE("procgen: a shorter fill is the beginning of a longer one; names and seeds differ") {
    std::vector<float> a(100), b(50), c(50), d(50);
    procgen_fill("w", 1, 0, 1, a);
    procgen_fill("w", 1, 0, 1, b);
    procgen_fill("v", 1, 0, 1, c);
    procgen_fill("w", 2, 0, 1, d);
    CHECK(std::equal(b.begin(), b.end(), a.begin()));
    CHECK(b != c);
    CHECK(b != d);
}
