#include "common/random/box_muller.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace ldm::random {
namespace {

/// ln x for a normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt(2)), and a polynomial in m - 1.
float log_cephes(float x) {
    constexpr std::array p = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                              -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                              2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    constexpr float ln2_low = -2.12194440e-4f, ln2_high = 0.693359375f;

    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    float e = static_cast<float>(static_cast<int>(bits >> 23) - 126);
    // in [1/2, 1)
    float m = std::bit_cast<float>((bits & 0x007FFFFFu) | 0x3F000000u);
    if (m < 0.707106781186547524f) {
        e -= 1;
        m = (m - 1) + m;
    } else {
        m = m - 1;
    }

    const float square = m * m;
    float y = p[0];
    for (std::size_t i = 1; i < p.size(); ++i) y = std::fma(y, m, p[i]);
    y = y * m;
    y = std::fma(y, square, e * ln2_low);
    y = std::fma(-square, 0.5f, y);
    return std::fma(e, ln2_high, m + y);
}

/// Sine and cosine of x >= 0: x is brought to [-pi/4, pi/4] by multiples of pi/2 in three parts.
void sincos_cephes(float x, float& sine, float& cosine) {
    const int octant = (static_cast<int>(x * 1.27323954473516f) + 1) & ~1;
    const float y = static_cast<float>(octant);
    x = std::fma(y, -0.78515625f, x);
    x = std::fma(y, -2.4187564849853515625e-4f, x);
    x = std::fma(y, -3.77489497744594108e-8f, x);
    const float square = x * x;

    float even = 2.443315711809948e-5f;
    even = std::fma(even, square, -1.388731625493765e-3f);
    even = std::fma(even, square, 4.166664568298827e-2f);
    even = even * square;
    even = std::fma(even, square, -(square * 0.5f)) + 1;

    float odd = -1.9515295891e-4f;
    odd = std::fma(odd, square, 8.3321608736e-3f);
    odd = std::fma(odd, square, -1.6666654611e-1f);
    odd = std::fma(odd * square, x, x);

    const bool swapped = octant & 2;
    sine = swapped ? even : odd;
    cosine = swapped ? odd : even;
    if (octant & 4) sine = -sine;
    if ((octant + 2) & 4) cosine = -cosine;
}

}  // namespace

NormalPair box_muller(float u, float v) {
    constexpr float two_pi = 6.283185307179586f;
    const float radius = std::sqrt(-2 * log_cephes(u));
    float sine, cosine;
    sincos_cephes(two_pi * v, sine, cosine);
    // no negative zero
    return {radius * cosine + 0.0f, radius * sine + 0.0f};
}

}  // namespace ldm::random
