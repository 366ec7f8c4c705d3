#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/gpu_head.cuh"
#include "common/ops/cuda/reduce.cuh"

namespace ldm::attention::variants::gpu {
namespace {

// rows and columns of a tile
constexpr int tile_size = 16;

//! [product]
/// y [rows, columns] = scale a b, with a [rows, inner]; b [inner, columns], or [columns, inner] if
/// `b_transposed`.
template <bool b_transposed>
__global__ void product_kernel(int rows, int inner, int columns, float scale, const float* a,
                               const float* b, float* y) {
    // one column more, so that a column lies in different banks
    __shared__ float tile_a[tile_size][tile_size], tile_b[tile_size][tile_size + 1];
    const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
    const int row0 = static_cast<int>(blockIdx.y) * tile_size,
              column0 = static_cast<int>(blockIdx.x) * tile_size;
    const auto number = [](const float* m, int height, int width, int i, int j) {
        return i < height && j < width ? m[static_cast<std::int64_t>(i) * width + j] : 0.0f;
    };

    float sum = 0.0f;
    for (int first = 0; first < inner; first += tile_size) {
        tile_a[ty][tx] = number(a, rows, inner, row0 + ty, first + tx);
        if (b_transposed)
            tile_b[tx][ty] = number(b, columns, inner, column0 + ty, first + tx);
        else
            tile_b[ty][tx] = number(b, inner, columns, first + ty, column0 + tx);
        // both tiles are loaded
        __syncthreads();
        for (int c = 0; c < tile_size; ++c) sum += tile_a[ty][c] * tile_b[c][tx];
        // all threads have read the tiles
        __syncthreads();
    }
    if (row0 + ty < rows && column0 + tx < columns)
        y[static_cast<std::int64_t>(row0 + ty) * columns + column0 + tx] = sum * scale;
}
//! [product]

__global__ void softmax_kernel(int columns, float* table) {
    float* row = table + static_cast<std::int64_t>(blockIdx.x) * columns;
    const int first = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
    float row_max = -cuda::infinity, sum = 0.0f;
    for (int j = first; j < columns; j += step) row_max = fmaxf(row_max, row[j]);
    row_max = cuda::reduce_block(row_max, cuda::Largest());
    for (int j = first; j < columns; j += step) sum += row[j] = expf(row[j] - row_max);
    sum = cuda::reduce_block(sum, cuda::Sum());
    for (int j = first; j < columns; j += step) row[j] /= sum;
}

}  // namespace

Tensor tiled(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    const unsigned down = pieces(head.queries, tile_size);
    Tensor scores = on_gpu(head.queries, head.keys), y = on_gpu(head.queries, head.out);
    float *table = cuda::numbers<float>(scores), *result = cuda::numbers<float>(y);
    cuda::launch(product_kernel<true>, dim3(pieces(head.keys, tile_size), down),
                 dim3(tile_size, tile_size), head.queries, head.width, head.keys, head.scale,
                 head.q, head.k, table);
    cuda::launch(softmax_kernel, dim3(static_cast<unsigned>(head.queries)), dim3(128), head.keys,
                 table);
    cuda::launch(product_kernel<false>, dim3(pieces(head.out, tile_size), down),
                 dim3(tile_size, tile_size), head.queries, head.keys, head.out, 1.0f, table, head.v,
                 result);
    return y;
}

}  // namespace ldm::attention::variants::gpu
