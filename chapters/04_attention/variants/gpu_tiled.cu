#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/gpu_head.cuh"
#include "common/ops/cuda/reduce.cuh"

namespace ldm::attention::variants::gpu {
namespace {

// of a tile
constexpr int side = 16;

//! [product]
/// y [rows, columns] = scale a b, with a [rows, inner]; b [inner, columns], or [columns, inner] if
/// `turned`.
template <bool turned>
__global__ void product_kernel(int rows, int inner, int columns, float scale, const float* a,
                               const float* b, float* y) {
    // one more: neighbours in other banks
    __shared__ float tile_a[side][side], tile_b[side][side + 1];
    const int x = static_cast<int>(threadIdx.x), z = static_cast<int>(threadIdx.y);
    const int row0 = static_cast<int>(blockIdx.y) * side,
              column0 = static_cast<int>(blockIdx.x) * side;
    const auto number = [](const float* m, int height, int width, int i, int j) {
        return i < height && j < width ? m[static_cast<std::int64_t>(i) * width + j] : 0.0f;
    };

    float sum = 0.0f;
    for (int first = 0; first < inner; first += side) {
        tile_a[z][x] = number(a, rows, inner, row0 + z, first + x);
        if (turned)
            tile_b[x][z] = number(b, columns, inner, column0 + z, first + x);
        else
            tile_b[z][x] = number(b, inner, columns, first + z, column0 + x);
        // the tiles are there
        __syncthreads();
        for (int c = 0; c < side; ++c) sum += tile_a[z][c] * tile_b[c][x];
        // nobody needs them any more
        __syncthreads();
    }
    if (row0 + z < rows && column0 + x < columns)
        y[static_cast<std::int64_t>(row0 + z) * columns + column0 + x] = sum * scale;
}
//! [product]

__global__ void softmax_kernel(int columns, float* table) {
    float* row = table + static_cast<std::int64_t>(blockIdx.x) * columns;
    const int first = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
    float highest = -cuda::infinity, sum = 0.0f;
    for (int j = first; j < columns; j += step) highest = fmaxf(highest, row[j]);
    highest = cuda::reduce_block(highest, cuda::Largest());
    for (int j = first; j < columns; j += step) sum += row[j] = expf(row[j] - highest);
    sum = cuda::reduce_block(sum, cuda::Sum());
    for (int j = first; j < columns; j += step) row[j] /= sum;
}

}  // namespace

Tensor tiled(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    const unsigned down = pieces(head.queries, side);
    Tensor scores = on_gpu(head.queries, head.keys), y = on_gpu(head.queries, head.out);
    float *table = cuda::numbers<float>(scores), *result = cuda::numbers<float>(y);
    cuda::launch(product_kernel<true>, dim3(pieces(head.keys, side), down), dim3(side, side),
                 head.queries, head.width, head.keys, head.scale, head.q, head.k, table);
    cuda::launch(softmax_kernel, dim3(static_cast<unsigned>(head.queries)), dim3(128), head.keys,
                 table);
    cuda::launch(product_kernel<false>, dim3(pieces(head.out, side), down), dim3(side, side),
                 head.queries, head.keys, head.out, 1.0f, table, head.v, result);
    return y;
}

}  // namespace ldm::attention::variants::gpu
