#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "common/ops/cpu/bf16.h"
#include "common/ops/cpu/simd.h"
#include "common/ops/precision.h"

/// The innermost part of every matrix product and convolution: a tile of C, small enough to stay in
/// registers while it is summed, from a panel of A and one of B that have been packed into the
/// order in which they are read. cpu/packed_gemm.h says who calls it.
namespace ldm::ops::cpu::packed {

// 32 registers: 28 of sums, 2 of B, 1 of A
#if defined(__AVX512F__)
inline constexpr int tile_rows = 14;
#elif defined(__aarch64__)
inline constexpr int tile_rows = 14;
#else
// 16 registers: 12 of sums, 2 of B, 1 of A
inline constexpr int tile_rows = 6;
#endif
inline constexpr int tile_columns = 2 * simd_width;
inline constexpr int row_panel = (tile_rows + simd_width - 1) / simd_width * simd_width;

/// How many panels so many rows of A make.
constexpr std::int64_t row_panels(std::int64_t rows) { return (rows + tile_rows - 1) / tile_rows; }

/// Sums of one tile of C, not yet in memory.
struct alignas(64) Tile {
    float sums[tile_rows][tile_columns];
};

/// The micro-kernel: sums[r][c] = sum over k of a[k][r] * b[k][c] for `rows` rows. The two loops
/// inside are written as folds over index sequences so that every sum has a register of its own.
template <int rows>
void multiply_panels(std::int64_t depth, const float* a, const float* b, Tile& tile) {
    [&]<int... row>(std::integer_sequence<int, row...>) {
        Floats left[rows] = {}, right[rows] = {};
#pragma GCC unroll 2
        for (std::int64_t k = 0; k < depth; ++k) {
            const Floats b_left = load(b), b_right = load(b + simd_width);
            ((left[row] += a[row] * b_left, right[row] += a[row] * b_right), ...);
            a += row_panel;
            b += tile_columns;
        }
        ((store(tile.sums[row], left[row]), store(tile.sums[row] + simd_width, right[row])), ...);
    }
    (std::make_integer_sequence<int, rows>());
}

using MicroKernel = void (*)(std::int64_t depth, const float* a, const float* b, Tile& tile);

/// In place i the micro-kernel for i + 1 rows: the last tile of a matrix is often not full.
using MicroKernels = std::array<MicroKernel, tile_rows>;

inline constexpr MicroKernels f32_kernels = []<int... i>(std::integer_sequence<int, i...>) {
    return MicroKernels{&multiply_panels<i + 1>...};
}
(std::make_integer_sequence<int, tile_rows>());

#ifdef __AVX512BF16__
/// The same for panels of pairs; `depth` still counts single numbers.
template <int rows>
void multiply_paired_panels(std::int64_t depth, const float* a, const float* b, Tile& tile) {
    [&]<int... row>(std::integer_sequence<int, row...>) {
        Floats left[rows] = {}, right[rows] = {};
        for (std::int64_t k = 0; k < depth; k += 2) {
            const Floats b_left = load(b), b_right = load(b + simd_width);
            ((left[row] = add_pair_products(left[row], fill_word(a + row), b_left),
              right[row] = add_pair_products(right[row], fill_word(a + row), b_right)),
             ...);
            a += row_panel;
            b += tile_columns;
        }
        ((store(tile.sums[row], left[row]), store(tile.sums[row] + simd_width, right[row])), ...);
    }
    (std::make_integer_sequence<int, rows>());
}

inline constexpr MicroKernels bf16_kernels = []<int... i>(std::integer_sequence<int, i...>) {
    return MicroKernels{&multiply_paired_panels<i + 1>...};
}
(std::make_integer_sequence<int, tile_rows>());

inline const MicroKernels& micro_kernels(Precision precision) {
    return precision == Precision::bf16 ? bf16_kernels : f32_kernels;
}

/// What a panel [depth][width] goes through when it has been packed, before the kernels read it:
/// for Precision::bf16 it is rounded.
template <int width>
void finish_panel(float* panel, std::int64_t depth, Precision precision) {
    if (precision == Precision::bf16) pair_up_panel<width>(panel, depth);
}
#else
inline const MicroKernels& micro_kernels(Precision) { return f32_kernels; }
template <int width>
void finish_panel(float*, std::int64_t, Precision) {}
#endif

}  // namespace ldm::ops::cpu::packed
