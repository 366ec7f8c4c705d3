#pragma once

namespace ldm::random {

/// Two standard normal numbers from two uniform ones (`u` in (0, 1], `v` in [0, 1)):
///
///     a = sqrt(-2 ln u) cos(2 pi v)      b = sqrt(-2 ln u) sin(2 pi v)
///
/// with the single-precision polynomials of Cephes in the order of operations, roundings and fused
/// multiply-adds of PyTorch's AVX2 code (ATen/native/cpu/avx_mathfun.h as GCC compiles it). The
/// last bit of a picture's noise depends on that order: this file is compiled without contraction,
/// so that the compiler fuses nothing on its own.
struct NormalPair {
    float a, b;
};
NormalPair box_muller(float u, float v);

}  // namespace ldm::random
