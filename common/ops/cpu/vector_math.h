#pragma once

#include <algorithm>
#include <cstdint>

#include "common/ops/cpu/simd.h"

/// exp and what is made of it, a register at a time, to the last one or two digits of a float
/// (tests/common/vector_math_test.cpp says exactly how near). The library's functions take one
/// number at a time and ten times as long.
namespace ldm::ops::cpu {

/// p[0] + p[1] x + p[2] x^2 + …
template <std::size_t count>
Floats polynomial(Floats x, const float (&p)[count]) {
    Floats sum = fill(p[count - 1]);
    for (std::size_t i = count - 1; i-- > 0;) sum = sum * x + p[i];
    return sum;
}

/// e^(x + rest), where `rest` is small beside x: what was lost when x was rounded.
///
/// x = n log 2 + r with |r| <= log(2) / 2; e^r by a polynomial, 2^n by writing the exponent.
inline Floats exp(Floats x, Floats rest = Floats{}) {
    // infinite from here; NaN compares false and stays
    x = x > 90.0f ? fill(90.0f) : x;
    x = x < -105.0f ? fill(-105.0f) : x;
    // pushes the fraction out of the number
    constexpr float rounder = 1.5f * (1 << 23);
    const Floats shifted = x * 1.44269504089f + rounder, n = shifted - rounder;
    // log 2 in two parts
    const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f + rest;
    const Floats beyond_linear = polynomial(
        r, {0.5f, 1.666651815e-01f, 4.166620597e-02f, 8.368889801e-03f, 1.395049156e-03f});
    const Floats p = beyond_linear * (r * r) + r + 1.0f;
    // In two steps, since 2^n itself may be too large or too small for a float.
    // The last bits of `shifted` are n; to convert a NaN to an integer would be undefined.
    const Ints power = (Ints)shifted - (Ints)fill(rounder), half = power >> 1;
    return p * (Floats)((half + 127) << 23) * (Floats)((power - half + 127) << 23);
}

/// 1 / (1 + e^-x)
inline Floats sigmoid(Floats x) { return 1.0f / (1.0f + exp(-x)); }

/// e^(-x^2 / 2), with the digits that rounding x^2 would lose.
inline Floats gaussian(Floats x) {
    // 12 digits: its square is exact
    const Floats high = (Floats)((Ints)x & ~0xfff);
    return exp(-0.5f * high * high, -0.5f * (x - high) * (x + high));
}

/// The probability that a standard normal variable is below x: (1 + erf(x / sqrt 2)) / 2, without
/// the cancellation of that formula for negative x. In the middle an odd polynomial; below -|x|
/// lies gaussian(x) times a polynomial in 1 / (1 + |x| / 4) (the form of Abramowitz &
/// Stegun 26.2.17; both fitted for the smallest largest relative error, 1e-8).
inline Floats normal_cdf(Floats x) {
    const Floats middle =
        x *
        polynomial(x * x, {3.989422917e-01f, -6.649035960e-02f, 9.973415174e-03f, -1.186930342e-03f,
                           1.148466617e-04f, -8.965670531e-06f, 4.581473547e-07f});
    const Floats distance = x < 0.0f ? -x : x;
    // beyond, gaussian is 0
    const Floats within = distance < 15.0f ? distance : fill(15.0f);
    const Floats t = 1.0f / (1.0f + 0.25f * within);
    const Floats tail =
        gaussian(within) * t *
        polynomial(t, {9.974157065e-02f, 9.958332777e-02f, 9.512019902e-02f, 7.159174979e-02f,
                       9.663604945e-02f, -2.799872495e-02f, 1.131760702e-01f, -4.789006710e-02f});
    const Floats y = distance < 1.25f ? 0.5f + middle : x < 0.0f ? tail : 1.0f - tail;
    return x == x ? y : x;
}

/// The lanes added up, always in the same order.
inline double sum_of_lanes(Floats x) {
    double sum = 0.0;
    for (int lane = 0; lane < simd_width; ++lane) sum += x[lane];
    return sum;
}

inline float largest_lane(Floats x) {
    float largest = x[0];
    for (int lane = 1; lane < simd_width; ++lane) largest = x[lane] > largest ? x[lane] : largest;
    return largest;
}

/// Calls visit(i, n) for i = 0, simd_width, 2 simd_width … below `count`, where n is how many lanes
/// from i on exist.
template <class Visit>
void for_lanes(std::int64_t count, const Visit& visit) {
    for (std::int64_t i = 0; i < count; i += simd_width)
        visit(i, static_cast<int>(std::min<std::int64_t>(simd_width, count - i)));
}

/// load() where all lanes exist, load_first() where not.
inline Floats load_lanes(const float* from, int lanes) {
    return lanes == simd_width ? load(from) : load_first(from, lanes);
}

inline void store_lanes(float* to, Floats x, int lanes) {
    if (lanes == simd_width)
        store(to, x);
    else
        store_first(to, x, lanes);
}

/// The sum of term(i, lanes) over for_lanes(count): pieces of some thousand numbers in float, the
/// pieces in double. Lanes beyond the last must be 0.
template <class Term>
double sum_lanes(std::int64_t count, const Term& term) {
    constexpr std::int64_t piece = 256 * simd_width;
    double sum = 0.0;
    for (std::int64_t begin = 0; begin < count; begin += piece) {
        // four sums: an addition need not wait for the last
        Floats a = {}, b = {}, c = {}, d = {};
        std::int64_t i = begin;
        const std::int64_t end = std::min(count, begin + piece);
        for (; i + 4 * simd_width <= end; i += 4 * simd_width) {
            a += term(i, simd_width);
            b += term(i + simd_width, simd_width);
            c += term(i + 2 * simd_width, simd_width);
            d += term(i + 3 * simd_width, simd_width);
        }
        for (; i < end; i += simd_width)
            a += term(i, static_cast<int>(std::min<std::int64_t>(simd_width, end - i)));
        sum += sum_of_lanes((a + b) + (c + d));
    }
    return sum;
}

}  // namespace ldm::ops::cpu
