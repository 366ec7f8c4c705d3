#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/gpu_head.cuh"

namespace ldm::attention::variants::gpu {
namespace {

// channels of a query, and of its output: both are in registers
constexpr int max_head_dim = 64;
// queries of a block, one thread each
constexpr int tile_queries = 64;
constexpr int tile_keys = 32;

//! [online]
__global__ void online_kernel(Head head, float* y) {
    __shared__ float keys[tile_keys][max_head_dim], values[tile_keys][max_head_dim];
    const int i = static_cast<int>(blockIdx.x) * tile_queries + static_cast<int>(threadIdx.x);
    float query[max_head_dim], output[max_head_dim] = {}, row_max = -cuda::infinity, sum = 0.0f;
    for (int c = 0; c < max_head_dim; ++c)
        query[c] =
            i < head.queries && c < head.width ? head.q[i * head.width + c] * head.scale : 0.0f;

    for (int first = 0; first < head.keys; first += tile_keys) {
        // all threads have read the previous tile
        __syncthreads();
        for (int n = static_cast<int>(threadIdx.x); n < tile_keys * max_head_dim;
             n += tile_queries) {
            const int j = first + n / max_head_dim, c = n % max_head_dim;
            keys[n / max_head_dim][c] =
                j < head.keys && c < head.width ? head.k[j * head.width + c] : 0.0f;
            values[n / max_head_dim][c] =
                j < head.keys && c < head.out ? head.v[j * head.out + c] : 0.0f;
        }
        // the tile is loaded
        __syncthreads();
        for (int j = 0; j < min(tile_keys, head.keys - first); ++j) {
            // four partial sums of the score, so that an addition need not wait for the last
            float parts[4] = {};
            for (int c = 0; c < max_head_dim; ++c) parts[c % 4] += query[c] * keys[j][c];
            const float score = parts[0] + parts[1] + (parts[2] + parts[3]);
            const float new_max = fmaxf(row_max, score), rescale = expf(row_max - new_max),
                        weight = expf(score - new_max);
            row_max = new_max;
            sum = sum * rescale + weight;
            for (int c = 0; c < max_head_dim; ++c)
                output[c] = output[c] * rescale + weight * values[j][c];
        }
    }
    if (i >= head.queries) return;
    for (int c = 0; c < max_head_dim; ++c)
        if (c < head.out) y[i * head.out + c] = output[c] / sum;
}
//! [online]

}  // namespace

Tensor online_softmax(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    expect(head.width <= max_head_dim && head.out <= max_head_dim,
           "this variant has room for 64 channels");
    Tensor y = on_gpu(head.queries, head.out);
    cuda::launch(online_kernel, dim3(pieces(head.queries, tile_queries)), dim3(tile_queries), head,
                 cuda::numbers<float>(y));
    return y;
}

}  // namespace ldm::attention::variants::gpu
