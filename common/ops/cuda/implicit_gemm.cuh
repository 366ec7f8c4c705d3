#pragma once

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/tensor_core.cuh"

/// Matrix products whose factors are never written down: a kernel asks for their elements where it
/// would read them.
///
///     out(r, c) = sum over k of left(r, k) right(k, c)
///
/// `Left` has element(row, k), `Right` has column(c), whatever it wants to know of a column once
/// and for all, and element(column, k); both give numbers of type T, 0 where there is nothing.
/// `Out` has write(row, c, part, sum). The terms are shared out to gridDim.z parts; each writes its
/// own sum.
///
/// A block computes a tile of the result. It fetches a strip of each factor into shared memory,
/// where every element is used by a whole row or column of threads, adds its products to sums in
/// registers, and goes on to the next strip.
namespace ldm::cuda {

namespace gemm {

// rows and columns of a block's part of the result
inline constexpr int tile = 64;

/// The strips [first, last) of `depth` terms that a block adds up.
struct Terms {
    std::int64_t first, last;

    __device__ Terms(std::int64_t terms, int depth) {
        const std::int64_t strips = (terms + depth - 1) / depth;
        first = strips * blockIdx.z / gridDim.z * depth;
        last = strips * (blockIdx.z + 1) / gridDim.z * depth;
    }
};

}  // namespace gemm

/// In float32: a thread has 4 x 4 sums.
template <class Left, class Right, class Out>
__global__ void implicit_gemm_kernel(std::int64_t rows, std::int64_t columns, std::int64_t terms,
                                     Left left, Right right, Out out) {
    using gemm::tile;
    constexpr int depth = 16, own = 4, threads = tile / own * (tile / own);
    // one more, or all k of a row would lie in one bank
    __shared__ float a[depth][tile + 1], b[depth][tile];
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile,
                       first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
    const int thread = static_cast<int>(threadIdx.x);

    // Who fetches what: neighbouring threads read neighbouring k of the left factor and
    // neighbouring columns of the right one.
    const std::int64_t column = first_column + thread % tile;
    const auto of_column = right.column(column < columns ? column : 0);

    const gemm::Terms share(terms, depth);
    const int own_row = thread / (tile / own) * own, own_column = thread % (tile / own) * own;
    float sums[own][own] = {};
    for (std::int64_t strip = share.first; strip < share.last; strip += depth) {
        for (int row = thread / depth, k = thread % depth; row < tile; row += threads / depth)
            a[k][row] = strip + k < terms && first_row + row < rows
                            ? as_float(left.element(first_row + row, strip + k))
                            : 0.0f;
        for (int k = thread / tile; k < depth; k += threads / tile)
            b[k][thread % tile] = strip + k < terms && column < columns
                                      ? as_float(right.element(of_column, strip + k))
                                      : 0.0f;
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
                out.write(first_row + own_row + i, first_column + own_column + j, blockIdx.z,
                          sums[i][j]);
}

/// On tensor cores, for 16-bit numbers: a warp has 32 x 32 sums, two rows of four pieces. While it
/// multiplies one strip, the numbers of the next are on their way into registers.
template <class T, class Left, class Right, class Out>
__global__ void tensor_core_gemm_kernel(std::int64_t rows, std::int64_t columns, std::int64_t terms,
                                        Left left, Right right, Out out) {
    using gemm::tile;
    // that a thread fetches of each factor
    constexpr int depth = 32, threads = 128, pairs = tile * depth / 2 / threads;
    // so that the rows of a fragment lie in different banks
    constexpr int row_step = depth + 8;
    alignas(16) __shared__ T a[tile * row_step];
    // its columns: neighbours are neighbours in k
    alignas(16) __shared__ T b[tile * row_step];
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile,
                       first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
    const int thread = static_cast<int>(threadIdx.x);
    const std::int64_t column = first_column + thread % tile;
    const auto of_column = right.column(column < columns ? column : 0);
    const T nothing = from_float<T>(0.0f);

    // Two numbers become one register when they are put down, and not before: whoever packs them
    // waits for them. The loops are unrolled, for an array whose index the compiler does not know
    // lies in memory.
    Pair<T> next_a[pairs], next_b[pairs];
    const auto fetch = [&](std::int64_t strip) {
#pragma unroll
        for (int i = 0; i < pairs; ++i)
#pragma unroll
            for (int j = 0; j < 2; ++j) {
                const std::int64_t row =
                    first_row + (thread / (depth / 2)) + i * (threads / (depth / 2));
                const std::int64_t k_of_a = strip + thread % (depth / 2) * 2 + j,
                                   k_of_b = strip + (thread / tile + i * (threads / tile)) * 2 + j;
                next_a[i].numbers[j] =
                    k_of_a < terms && row < rows ? left.element(row, k_of_a) : nothing;
                next_b[i].numbers[j] =
                    k_of_b < terms && column < columns ? right.element(of_column, k_of_b) : nothing;
            }
    };
    const auto put_down = [&] {
#pragma unroll
        for (int i = 0; i < pairs; ++i) {
            const int row = thread / (depth / 2) + i * (threads / (depth / 2));
            put_both(both(next_a[i]), a + row * row_step + thread % (depth / 2) * 2);
            put_both(both(next_b[i]),
                     b + thread % tile * row_step + (thread / tile + i * (threads / tile)) * 2);
        }
    };

    const Lane lane;
    const int warp = thread / 32, own_row = warp / 2 * 32, own_column = warp % 2 * 32;
    const gemm::Terms share(terms, depth);
    float sums[2][4][4] = {};
    if (share.first < share.last) fetch(share.first);
    for (std::int64_t strip = share.first; strip < share.last; strip += depth) {
        put_down();
        __syncthreads();
        if (strip + depth < share.last) fetch(strip + depth);
        for (int k = 0; k < depth; k += 16) {
            unsigned from_a[2][4], from_b[4][2];
            for (int i = 0; i < 2; ++i)
                for (int part = 0; part < 4; ++part)
                    from_a[i][part] =
                        both(a + (own_row + 16 * i + lane.row + part % 2 * 8) * row_step + k +
                             lane.pair + part / 2 * 8);
            for (int j = 0; j < 4; ++j)
                for (int part = 0; part < 2; ++part)
                    from_b[j][part] = both(b + (own_column + 8 * j + lane.row) * row_step + k +
                                           lane.pair + part * 8);
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 4; ++j) multiply_add<T>(sums[i][j], from_a[i], from_b[j]);
        }
        __syncthreads();
    }
    // Without these the compiler leaves a loop here, and numbers that a loop chooses by index
    // cannot stay in registers.
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int part = 0; part < 4; ++part) {
                const std::int64_t row = first_row + own_row + 16 * i + lane.row + part / 2 * 8;
                const std::int64_t c = first_column + own_column + 8 * j + lane.pair + part % 2;
                if (row < rows && c < columns) out.write(row, c, blockIdx.z, sums[i][j][part]);
            }
}

/// Into how many parts the terms are cut, so that a small result with long sums keeps the GPU busy,
/// too.
inline unsigned parts_for(std::int64_t rows, std::int64_t columns, std::int64_t terms) {
    constexpr std::int64_t enough_blocks = 264, least_terms = 512;
    const std::int64_t blocks =
        ((rows + gemm::tile - 1) / gemm::tile) * ((columns + gemm::tile - 1) / gemm::tile);
    return static_cast<unsigned>(std::clamp<std::int64_t>(
        std::min(enough_blocks / std::max<std::int64_t>(blocks, 1), terms / least_terms), 1, 64));
}

/// The whole result, on tensor cores where the GPU has them for T.
template <class T, class Left, class Right, class Out>
void implicit_gemm(std::int64_t rows, std::int64_t columns, std::int64_t terms, unsigned parts,
                   const Left& left, const Right& right, const Out& out) {
    const auto tiles = [](std::int64_t count) {
        return static_cast<unsigned>((count + gemm::tile - 1) / gemm::tile);
    };
    const dim3 blocks(tiles(columns), tiles(rows), parts);
    if constexpr (!std::is_same_v<T, float>)
        if (has_tensor_cores<T>())
            return launch(tensor_core_gemm_kernel<T, Left, Right, Out>, blocks, 128, rows, columns,
                          terms, left, right, out);
    launch(implicit_gemm_kernel<Left, Right, Out>, blocks, 256, rows, columns, terms, left, right,
           out);
}

}  // namespace ldm::cuda
