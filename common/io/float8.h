#pragma once

#include <cstdint>

#include "common/io/half.h"

namespace ldm::io {

// The two 8-bit floats that weights are stored in, as bit patterns (Micikevicius et al., "FP8
// formats for deep learning", 2022). float16 has every one of their numbers, too. Without branches,
// so that loops over them vectorise.

/// 5 bits of exponent, 2 of mantissa (torch.float8_e5m2): the upper half of a float16.
constexpr float float8_e5m2_to_float(std::uint8_t value) {
    return half_to_float(static_cast<std::uint16_t>(value << 8));
}

/// 4 bits of exponent, 3 of mantissa, NaN but no infinity (torch.float8_e4m3fn).
constexpr float float8_e4m3_to_float(std::uint8_t value) {
    const int sign = (value & 0x80) << 8, magnitude = value & 0x7F;
    constexpr int nan = 0x7E00;
    // in float16's place the bits mean 2^-8 of it: the exponents are biased by 7 and by 15
    const int half = magnitude == 0x7F ? nan : magnitude << 7;
    return half_to_float(static_cast<std::uint16_t>(sign | half)) * 256.0f;
}

}  // namespace ldm::io
