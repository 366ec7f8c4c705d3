#pragma once

#include "common/device/cuda.cuh"
#include "common/device/numbers.cuh"

/// Matrix products whose factors are never written down: a kernel asks for their elements where it would read them.
///
///     out(r, c) = sum over k of left(r, k) right(k, c)
///
/// A block computes a tile of the result. It fetches a strip of each factor into shared memory, where every element is used by a
/// whole row or column of threads, adds its products to sums in registers, and goes on to the next strip.
namespace ldm::cuda {

namespace gemm {

inline constexpr int tile = 64;       // rows and columns of a block's part of the result
inline constexpr int depth = 16;      // of a strip
inline constexpr int own = 4;         // a thread has own x own sums
inline constexpr int threads = (tile / own) * (tile / own);

}  // namespace gemm

/// `Left` has element(row, k), `Right` has column(c), whatever it wants to know of a column once and for all, and
/// element(column, k); both give 0.0f where there is nothing. `Out` has write(row, c, part, sum). The terms are shared out to
/// gridDim.z parts; each writes its own sum.
template <class Left, class Right, class Out>
__global__ void implicit_gemm_kernel(std::int64_t rows, std::int64_t columns, std::int64_t terms, Left left, Right right, Out out) {
    using namespace gemm;
    __shared__ float a[depth][tile + 1], b[depth][tile];  // one more, or all k of a row would lie in one bank
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile, first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
    const int thread = static_cast<int>(threadIdx.x);

    // Who fetches what: neighbouring threads read neighbouring k of the left factor and neighbouring columns of the right one.
    const std::int64_t column = first_column + thread % tile;
    const auto of_column = right.column(column < columns ? column : 0);

    const std::int64_t strips = (terms + depth - 1) / depth;
    const std::int64_t from = strips * blockIdx.z / gridDim.z * depth, to = strips * (blockIdx.z + 1) / gridDim.z * depth;
    const int own_row = thread / (tile / own) * own, own_column = thread % (tile / own) * own;
    float sums[own][own] = {};
    for (std::int64_t strip = from; strip < to; strip += depth) {
        for (int row = thread / depth, k = thread % depth; row < tile; row += threads / depth)
            a[k][row] = strip + k < terms && first_row + row < rows ? left.element(first_row + row, strip + k) : 0.0f;
        for (int k = thread / tile; k < depth; k += threads / tile)
            b[k][thread % tile] = strip + k < terms && column < columns ? right.element(of_column, strip + k) : 0.0f;
        __syncthreads();
        for (int k = 0; k < depth; ++k) {
            float from_a[own], from_b[own];
            for (int i = 0; i < own; ++i) {
                from_a[i] = a[k][own_row + i];
                from_b[i] = b[k][own_column + i];
            }
            for (int i = 0; i < own; ++i)
                for (int j = 0; j < own; ++j) sums[i][j] += from_a[i] * from_b[j];
        }
        __syncthreads();
    }
    for (int i = 0; i < own; ++i)
        for (int j = 0; j < own; ++j)
            if (first_row + own_row + i < rows && first_column + own_column + j < columns)
                out.write(first_row + own_row + i, first_column + own_column + j, blockIdx.z, sums[i][j]);
}

/// Into how many parts the terms are cut, so that a small result with long sums keeps the GPU busy, too.
inline unsigned parts_for(std::int64_t rows, std::int64_t columns, std::int64_t terms) {
    constexpr std::int64_t enough_blocks = 264, least_terms = 512;
    const std::int64_t blocks = ((rows + gemm::tile - 1) / gemm::tile) * ((columns + gemm::tile - 1) / gemm::tile);
    return static_cast<unsigned>(std::clamp<std::int64_t>(std::min(enough_blocks / std::max<std::int64_t>(blocks, 1), terms / least_terms), 1, 64));
}

/// Runs the kernel over the whole result.
template <class Left, class Right, class Out>
void implicit_gemm(std::int64_t rows, std::int64_t columns, std::int64_t terms, unsigned parts, const Left& left, const Right& right,
                   const Out& out) {
    const auto tiles = [](std::int64_t count) { return static_cast<unsigned>((count + gemm::tile - 1) / gemm::tile); };
    launch(implicit_gemm_kernel<Left, Right, Out>, dim3(tiles(columns), tiles(rows), parts), gemm::threads, rows, columns, terms, left, right,
           out);
}

}  // namespace ldm::cuda
