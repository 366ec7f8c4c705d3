#pragma once

#include <algorithm>
#include <cstdint>

#include "common/ops/cpu/packed_kernel.h"
#include "common/ops/cpu/packed_regions.h"
#include "common/ops/cpu/workspace.h"
#include "common/parallel.h"

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
///
/// The kernel is in cpu/packed_kernel.h, the cuts are in cpu/packed_regions.h.
namespace ldm::ops::cpu::packed {

/// The packed blocks of one thread.
struct alignas(64) Blocks {
    float a[row_block / tile_rows * row_panel * depth_block];
    float b[column_block * depth_block];
};

template <class PackA, class PackB, class Output>
void multiply_region(const Region& region, std::int64_t depth, Precision precision,
                     const PackA& pack_a, const PackB& pack_b, const Output& output,
                     Blocks& blocks) {
    const MicroKernels& kernels = micro_kernels(precision);
    // addresses of the blocks' panels
    const float *a_panels[row_block / tile_rows], *b_panels[column_block / tile_columns];
    const auto multiply_block = [&](std::int64_t row0, std::int64_t rows, std::int64_t column0,
                                    std::int64_t columns, std::int64_t k, std::int64_t ks) {
        for (std::int64_t j = 0; j < columns; j += tile_columns) {
            const int wide = std::min<std::int64_t>(tile_columns, columns - j);
            for (std::int64_t i = 0; i < rows; i += tile_rows) {
                const int high = std::min<std::int64_t>(tile_rows, rows - i);
                Tile tile;
                output.prefetch(row0 + i, high, column0 + j, wide);
                kernels[high - 1](ks, a_panels[i / tile_rows], b_panels[j / tile_columns], tile);
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
                float* panel = blocks.b + jj * ks;
                b_panels[jj / tile_columns] = pack_b(
                    j + jj, std::min<std::int64_t>(tile_columns, columns - jj), k, ks, panel);
                if (b_panels[jj / tile_columns] == panel)
                    finish_panel<tile_columns>(panel, ks, precision);
            }
            for (std::int64_t i = region.first_row; i < region.last_row; i += row_block) {
                const std::int64_t rows = std::min(row_block, region.last_row - i);
                for (std::int64_t ii = 0; ii < rows; ii += tile_rows) {
                    float* panel = blocks.a + ii / tile_rows * row_panel * ks;
                    a_panels[ii / tile_rows] =
                        pack_a(i + ii, std::min<std::int64_t>(tile_rows, rows - ii), k, ks, panel);
                    if (a_panels[ii / tile_rows] == panel)
                        finish_panel<row_panel>(panel, ks, precision);
                }
                multiply_block(i, rows, j, columns, k, ks);
            }
            k += depth_block;
        } while (k < depth);
    }
}

/// C[rows, columns] = A[rows, depth] B[depth, columns], where
///     pack_a(row, n, k, ks, to)     writes to[kk][r] = A[row + r][k + kk], r < n, in steps of
///                                   row_panel
///     pack_b(column, n, k, ks, to)  writes to[kk][c] = B[k + kk][column + c] in steps of
///                                   tile_columns
/// and both return `to`, or where such a panel lies that was packed and rounded before
/// (cpu/packed_weight.h), and
///     output(tile, row, high, column, wide, first)  stores the tile (first) or adds it to C (not)
///     output.prefetch(row, high, column, wide)      may announce a tile to the cache beforehand
template <class PackA, class PackB, class Output>
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth, Precision precision,
              const PackA& pack_a, const PackB& pack_b, const Output& output) {
    if (rows == 0 || columns == 0) return;
    // not worth waking the other threads
    constexpr double small = 64 * 64 * 64;
    const int threads = double(rows) * columns * depth < small ? 1 : available_threads();
    const Regions regions(rows, columns, threads);
    Workspaces<Blocks> blocks(threads);
    parallel_tasks(regions.count(), threads, [&](std::int64_t i, int thread) {
        multiply_region(regions[i], depth, precision, pack_a, pack_b, output, blocks[thread]);
    });
}

}  // namespace ldm::ops::cpu::packed
