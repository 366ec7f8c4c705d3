#pragma once

#include <cstdint>
#include <cstring>

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

/// Turns simd_width registers into their transpose. Interleaving the first half of the registers
/// with the second is a perfect shuffle; log2(simd_width) of them swap rows and columns.
inline void transpose(Floats (&x)[simd_width]) {
    constexpr int half = simd_width / 2;
    Ints low, high;
    for (int lane = 0; lane < simd_width; ++lane) {
        low[lane] = lane / 2 + (lane % 2) * simd_width;
        high[lane] = low[lane] + half;
    }
#pragma GCC unroll 4
    for (int stage = 1; stage < simd_width; stage *= 2) {
        Floats y[simd_width];
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) {
            y[2 * i] = __builtin_shuffle(x[i], x[i + half], low);
            y[2 * i + 1] = __builtin_shuffle(x[i], x[i + half], high);
        }
#pragma GCC unroll 16
        for (int i = 0; i < simd_width; ++i) x[i] = y[i];
    }
}

}  // namespace ldm::ops::cpu
