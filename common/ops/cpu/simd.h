#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

/// One register of floats, written with GCC's vector extensions: a + b, a * b work lane by lane,
/// and the compiler emits AVX-512, AVX2, SSE or NEON, whichever the target has.
namespace ldm::ops::cpu {

#if defined(__AVX512F__)
inline constexpr int simd_width = 16;
#elif defined(__AVX__)
inline constexpr int simd_width = 8;
#else
inline constexpr int simd_width = 4;
#endif

typedef float Floats __attribute__((vector_size(simd_width * sizeof(float))));
typedef std::int32_t Ints __attribute__((vector_size(simd_width * sizeof(float))));

inline Floats load(const float* from) {
    Floats v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

inline void store(float* to, Floats v) { std::memcpy(to, &v, sizeof v); }

/// The first `count` lanes from memory, the others 0.
inline Floats load_first(const float* from, int count) {
    Floats v = {};
    std::memcpy(&v, from, count * sizeof(float));
    return v;
}

inline void store_first(float* to, Floats v, int count) {
    std::memcpy(to, &v, count * sizeof(float));
}

/// All lanes the same.
inline Floats fill(float value) { return Floats{} + value; }

/// Lane i of the result is lane from(i) of a and b side by side, those of b counting from
/// simd_width on.
template <auto from>
Floats shuffle(Floats a, Floats b) {
    return [&]<int... lane>(std::integer_sequence<int, lane...>) {
        return __builtin_shufflevector(a, b, from(lane)...);
    }
    (std::make_integer_sequence<int, simd_width>());
}

/// a0 b0 a1 b1 … of the lower halves, and of the upper ones.
inline Floats interleave_low(Floats a, Floats b) {
    return shuffle<[](int lane) { return lane / 2 + lane % 2 * simd_width; }>(a, b);
}
inline Floats interleave_high(Floats a, Floats b) {
    return shuffle<[](int lane) { return lane / 2 + lane % 2 * simd_width + simd_width / 2; }>(a,
                                                                                               b);
}

/// Turns simd_width registers into their transpose. Interleaving the first half of the registers
/// with the second is a perfect shuffle; log2(simd_width) of them swap rows and columns.
inline void transpose(Floats (&x)[simd_width]) {
    constexpr int half = simd_width / 2;
#pragma GCC unroll 4
    for (int stage = 1; stage < simd_width; stage *= 2) {
        Floats y[simd_width];
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) {
            y[2 * i] = interleave_low(x[i], x[i + half]);
            y[2 * i + 1] = interleave_high(x[i], x[i + half]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < simd_width; ++i) x[i] = y[i];
    }
}

}  // namespace ldm::ops::cpu
