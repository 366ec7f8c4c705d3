#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/gpu_head.cuh"

namespace ldm::attention::variants::gpu {
namespace {

// channels of a query, and of the mixture: they live in registers
constexpr int most = 64;
// a thread each
constexpr int tile_queries = 64;
constexpr int tile_keys = 32;

//! [online]
__global__ void online_kernel(Head head, float* y) {
    __shared__ float keys[tile_keys][most], values[tile_keys][most];
    const int i = static_cast<int>(blockIdx.x) * tile_queries + static_cast<int>(threadIdx.x);
    float query[most], mixture[most] = {}, highest = -cuda::infinity, sum = 0.0f;
    for (int c = 0; c < most; ++c)
        query[c] =
            i < head.queries && c < head.width ? head.q[i * head.width + c] * head.scale : 0.0f;

    for (int first = 0; first < head.keys; first += tile_keys) {
        // nobody needs the last tile any more
        __syncthreads();
        for (int n = static_cast<int>(threadIdx.x); n < tile_keys * most; n += tile_queries) {
            const int j = first + n / most, c = n % most;
            keys[n / most][c] = j < head.keys && c < head.width ? head.k[j * head.width + c] : 0.0f;
            values[n / most][c] = j < head.keys && c < head.out ? head.v[j * head.out + c] : 0.0f;
        }
        // the tile is there
        __syncthreads();
        for (int j = 0; j < min(tile_keys, head.keys - first); ++j) {
            // of the score: an addition waits for the one before, so there are four at a time
            float parts[4] = {};
            for (int c = 0; c < most; ++c) parts[c % 4] += query[c] * keys[j][c];
            const float score = parts[0] + parts[1] + (parts[2] + parts[3]);
            const float now = fmaxf(highest, score), shrink = expf(highest - now),
                        weight = expf(score - now);
            highest = now;
            sum = sum * shrink + weight;
            for (int c = 0; c < most; ++c) mixture[c] = mixture[c] * shrink + weight * values[j][c];
        }
    }
    if (i >= head.queries) return;
    for (int c = 0; c < most; ++c)
        if (c < head.out) y[i * head.out + c] = mixture[c] / sum;
}
//! [online]

}  // namespace

Tensor online_softmax(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    expect(head.width <= most && head.out <= most, "this variant has room for 64 channels");
    Tensor y = on_gpu(head.queries, head.out);
    cuda::launch(online_kernel, dim3(pieces(head.queries, tile_queries)), dim3(tile_queries), head,
                 cuda::numbers<float>(y));
    return y;
}

}  // namespace ldm::attention::variants::gpu
