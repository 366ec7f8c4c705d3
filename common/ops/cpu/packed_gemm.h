#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "common/ops/cpu/bf16.h"
#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/simd.h"
#include "common/ops/precision.h"

/// The skeleton of every matrix product and convolution here, after Goto and van de Geijn,
/// "Anatomy of High-Performance Matrix Multiplication" (2008), and its form in BLIS.
///
/// The definition (ops/reference) reads one number from A and one from B for each multiplication,
/// most of them from far away. Here a block of A and a block of B are first copied ("packed") into
/// the order in which they will be read, small enough to stay in the cache; then a tile of C of
/// `tile_rows` x `tile_columns` is summed entirely in registers, so that two loads of B and
/// `tile_rows` of A feed 2 * tile_rows vector multiplications. Who packs decides what is
/// multiplied: a strided matrix (cpu/gemm.cpp) or the patches of a picture (cpu/conv2d.cpp).
///
/// With ops::Precision::bf16 a packed block is rounded before it is read (cpu/bf16.h).
///
/// An element of C is summed over blocks of `depth_block` values of k, in order, whatever its
/// position and whoever computes it: equal inputs give equal bits on any number of threads.
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

inline constexpr std::int64_t depth_block = 512;
// a block of A and
inline constexpr std::int64_t row_block = 16 * tile_rows;
// one of B fit into L2
inline constexpr std::int64_t column_block = 16 * tile_columns;

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

inline const MicroKernels& micro_kernels() {
    return precision(Device::cpu) == Precision::bf16 ? bf16_kernels : f32_kernels;
}

/// What a panel [depth][width] goes through when it has been packed, before the kernels read it.
template <int width>
void finish_panel(float* panel, std::int64_t depth) {
    if (precision(Device::cpu) == Precision::bf16) pair_up_panel<width>(panel, depth);
}
#else
inline const MicroKernels& micro_kernels() { return f32_kernels; }
template <int width>
void finish_panel(float*, std::int64_t) {}
#endif

/// The packed blocks of one thread. They live as long as the thread: fresh memory for every
/// product would cost a page fault per 4 kB.
struct alignas(64) Blocks {
    float a[row_block / tile_rows * row_panel * depth_block];
    float b[column_block * depth_block];

    static Blocks& of_this_thread() {
        thread_local const std::unique_ptr<Blocks> blocks = std::make_unique<Blocks>();
        return *blocks;
    }
};

/// A piece of the result that one thread computes on its own.
struct Region {
    std::int64_t first_row, last_row, first_column, last_column;
};

template <class PackA, class PackB, class Output>
void multiply_region(const Region& region, std::int64_t depth, const PackA& pack_a,
                     const PackB& pack_b, const Output& output) {
    Blocks& blocks = Blocks::of_this_thread();
    const MicroKernels& kernels = micro_kernels();
    const auto multiply_block = [&](std::int64_t row0, std::int64_t rows, std::int64_t column0,
                                    std::int64_t columns, std::int64_t k, std::int64_t ks) {
        for (std::int64_t j = 0; j < columns; j += tile_columns) {
            const int wide = std::min<std::int64_t>(tile_columns, columns - j);
            for (std::int64_t i = 0; i < rows; i += tile_rows) {
                const int high = std::min<std::int64_t>(tile_rows, rows - i);
                Tile tile;
                output.prefetch(row0 + i, high, column0 + j, wide);
                kernels[high - 1](ks, blocks.a + i / tile_rows * row_panel * ks, blocks.b + j * ks,
                                  tile);
                output(tile, row0 + i, high, column0 + j, wide, k == 0);
            }
        }
    };
    for (std::int64_t j = region.first_column; j < region.last_column; j += column_block) {
        const std::int64_t columns = std::min(column_block, region.last_column - j);
        std::int64_t k = 0;
        // once even if depth is 0: C is then all zero, not untouched
        do {
            const std::int64_t ks = std::min(depth_block, depth - k);
            for (std::int64_t jj = 0; jj < columns; jj += tile_columns) {
                pack_b(j + jj, std::min<std::int64_t>(tile_columns, columns - jj), k, ks,
                       blocks.b + jj * ks);
                finish_panel<tile_columns>(blocks.b + jj * ks, ks);
            }
            for (std::int64_t i = region.first_row; i < region.last_row; i += row_block) {
                const std::int64_t rows = std::min(row_block, region.last_row - i);
                for (std::int64_t ii = 0; ii < rows; ii += tile_rows) {
                    float* panel = blocks.a + ii / tile_rows * row_panel * ks;
                    pack_a(i + ii, std::min<std::int64_t>(tile_rows, rows - ii), k, ks, panel);
                    finish_panel<row_panel>(panel, ks);
                }
                multiply_block(i, rows, j, columns, k, ks);
            }
            k += depth_block;
        } while (k < depth);
    }
}

/// How many rows and columns each region has: regions are as square as they can be, so that little
/// is packed twice, and a few for each thread, so that a thread that is held up holds up nobody.
struct Regions {
    // of the result
    std::int64_t rows, columns;
    // of a region
    std::int64_t high, wide;

    Regions(std::int64_t rows, std::int64_t columns, std::int64_t threads)
        : rows(rows), columns(columns) {
        const auto in_tiles = [](std::int64_t n, std::int64_t parts, std::int64_t tile) {
            const std::int64_t part = (n + parts - 1) / parts;
            return (part + tile - 1) / tile * tile;
        };
        std::int64_t down = 1, across = (columns + column_block - 1) / column_block;
        const std::int64_t enough = threads == 1 ? 1 : 4 * threads;
        while (down * across < enough) {
            const bool can_cut_rows = rows / down > 4 * tile_rows;
            const bool can_cut_columns = columns / across > 4 * tile_columns;
            if (can_cut_rows && (rows / down >= columns / across || !can_cut_columns))
                down *= 2;
            else if (can_cut_columns)
                across *= 2;
            else
                break;
        }
        high = in_tiles(rows, down, tile_rows);
        wide = in_tiles(columns, across, tile_columns);
    }

    std::int64_t down() const { return (rows + high - 1) / high; }
    std::int64_t count() const { return down() * ((columns + wide - 1) / wide); }
    Region operator[](std::int64_t i) const {
        const std::int64_t row = i % down() * high, column = i / down() * wide;
        return {row, std::min(rows, row + high), column, std::min(columns, column + wide)};
    }
};

/// C[rows, columns] = A[rows, depth] B[depth, columns], where
///     pack_a(row, n, k, ks, to)     writes to[kk][r] = A[row + r][k + kk], r < n, in steps of
///                                   row_panel
///     pack_b(column, n, k, ks, to)  writes to[kk][c] = B[k + kk][column + c] in steps of
///                                   tile_columns
///     output(tile, row, high, column, wide, first)  stores the tile (first) or adds it to C (not)
///     output.prefetch(row, high, column, wide)      may announce a tile to the cache beforehand
template <class PackA, class PackB, class Output>
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth, const PackA& pack_a,
              const PackB& pack_b, const Output& output) {
    if (rows == 0 || columns == 0) return;
    // not worth waking the other threads
    constexpr double small = 64 * 64 * 64;
    const bool alone = omp_in_parallel() || double(rows) * columns * depth < small;
    const int threads = alone ? 1 : omp_get_max_threads();
    const Regions regions(rows, columns, threads);
    const std::int64_t count = regions.count();
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (std::int64_t i = 0; i < count; ++i)
        multiply_region(regions[i], depth, pack_a, pack_b, output);
}

}  // namespace ldm::ops::cpu::packed
