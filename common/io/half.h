#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace ldm::io {

// The two 16-bit floats that weights are stored in, as bit patterns. Rounding is to the nearest,
// ties to even; infinities and NaN survive. Written without branches, so that loops over them
// vectorise (after Fabian Giesen, "float->half variants", 2012).

/// IEEE 754 binary16: 5 bits of exponent, 10 of mantissa.
constexpr float half_to_float(std::uint16_t half) {
    constexpr std::uint32_t exponent_mask = 0x7C00u << 13;
    // 2^-14
    constexpr float smallest_normal = 6.103515625e-05f;

    const std::uint32_t shifted = (half & 0x7FFFu) << 13;
    const std::uint32_t exponent = shifted & exponent_mask;
    const std::uint32_t normal = shifted + (112u << 23);
    // infinity and NaN
    const std::uint32_t special = normal + (112u << 23);
    const std::uint32_t subnormal =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(normal + (1u << 23)) - smallest_normal);

    const std::uint32_t magnitude = exponent == exponent_mask ? special
                                    : exponent == 0           ? subnormal
                                                              : normal;
    return std::bit_cast<float>(magnitude | (half & 0x8000u) << 16);
}

constexpr std::uint16_t float_to_half(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits & 0x80000000u;
    const std::uint32_t magnitude = bits ^ sign;

    // Adding 0.5 pushes a small number's bits to where a subnormal half has them, and rounds.
    const std::uint32_t small =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) -
        std::bit_cast<std::uint32_t>(0.5f);
    const std::uint32_t odd = magnitude >> 13 & 1;
    const std::uint32_t normal = (magnitude - (112u << 23) + 0xFFFu + odd) >> 13;
    const std::uint32_t special = magnitude > 0x7F800000u ? 0x7E00u : 0x7C00u;

    const std::uint32_t half = magnitude >= 143u << 23  ? special
                               : magnitude < 113u << 23 ? small
                                                        : normal;
    return static_cast<std::uint16_t>(half | sign >> 16);
}

/// bfloat16: the upper half of a float32.
constexpr float bfloat16_to_float(std::uint16_t value) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

constexpr std::uint16_t float_to_bfloat16(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
    const std::uint32_t quiet_nan = bits >> 16 | 0x40u;
    const bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return static_cast<std::uint16_t>(is_nan ? quiet_nan : rounded);
}

// Many at once; both spans have the same length.
void half_to_float(std::span<const std::uint16_t> from, std::span<float> to);
void float_to_half(std::span<const float> from, std::span<std::uint16_t> to);
void bfloat16_to_float(std::span<const std::uint16_t> from, std::span<float> to);
void float_to_bfloat16(std::span<const float> from, std::span<std::uint16_t> to);

}  // namespace ldm::io
