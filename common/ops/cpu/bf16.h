#pragma once

#include "common/ops/cpu/simd.h"

#ifdef __AVX512BF16__
#include <immintrin.h>

#include <array>

/// Products of bfloat16 numbers on processors that have an instruction for them: it multiplies two
/// neighbouring pairs and adds both to a float32 sum, so a sum over k takes half as many steps. Two
/// numbers of 16 bits, those of k and k + 1, travel as one word where a float would be.
namespace ldm::ops::cpu {

/// sum + a0 b0 + a1 b1 in every lane, where a word of a is (a0, a1) and a word of b (b0, b1).
inline Floats add_pair_products(Floats sum, Floats a, Floats b) {
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)(__m512)a, (__m512bh)(__m512)b);
}

/// All lanes the word at `from`. As a float it may be anything, NaN included: it is only moved.
inline Floats fill_word(const float* from) {
    std::int32_t word;
    std::memcpy(&word, from, sizeof word);
    return (Floats)(Ints{} + word);
}

/// Two registers of floats rounded to nearest even, lane by lane side by side.
inline Floats pair_up(Floats even, Floats odd) {
    alignas(64) static constexpr auto interleaved = [] {
        std::array<std::int16_t, 32> from{};
        for (int lane = 0; lane < 16; ++lane) {
            from[2 * lane] = static_cast<std::int16_t>(lane);
            from[2 * lane + 1] = static_cast<std::int16_t>(16 + lane);
        }
        return from;
    }();
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
    return (Floats)_mm512_permutexvar_epi16(_mm512_load_si512(interleaved.data()), both);
}

/// Turns a packed panel [depth][width] into pairs [ceil(depth / 2)][width], in place; behind an odd
/// depth follows a 0.
template <int width>
void pair_up_panel(float* panel, std::int64_t depth) {
    float* to = panel;
    for (std::int64_t k = 0; k < depth; k += 2, to += width)
        for (int lane = 0; lane < width; lane += simd_width) {
            const float* from = panel + k * width + lane;
            store(to + lane, pair_up(load(from), k + 1 < depth ? load(from + width) : Floats{}));
        }
}

}  // namespace ldm::ops::cpu
#endif
