#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/gpu_head.cuh"

namespace ldm::attention::variants::gpu {
namespace {

//! [scores]
__global__ void scores_kernel(Head head, float* scores) {
    const int j = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
              i = static_cast<int>(blockIdx.y);
    if (j >= head.keys) return;
    float dot = 0.0f;
    for (int c = 0; c < head.width; ++c)
        dot += head.q[i * head.width + c] * head.k[j * head.width + c];
    scores[static_cast<std::int64_t>(i) * head.keys + j] = dot * head.scale;
}
//! [scores]

__global__ void softmax_kernel(Head head, float* scores) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= head.queries) return;
    float* row = scores + static_cast<std::int64_t>(i) * head.keys;
    float row_max = row[0], sum = 0.0f;
    for (int j = 1; j < head.keys; ++j) row_max = fmaxf(row_max, row[j]);
    for (int j = 0; j < head.keys; ++j) sum += row[j] = expf(row[j] - row_max);
    for (int j = 0; j < head.keys; ++j) row[j] /= sum;
}

__global__ void output_kernel(Head head, const float* weights, float* y) {
    const int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
              i = static_cast<int>(blockIdx.y);
    if (c >= head.out) return;
    float output = 0.0f;
    for (int j = 0; j < head.keys; ++j)
        output += weights[static_cast<std::int64_t>(i) * head.keys + j] * head.v[j * head.out + c];
    y[i * head.out + c] = output;
}

}  // namespace

Tensor naive(const Tensor& q, const Tensor& k, const Tensor& v) {
    constexpr int threads = 128;
    const Head head(q, k, v);
    const auto rows = static_cast<unsigned>(head.queries);
    Tensor scores = on_gpu(head.queries, head.keys), y = on_gpu(head.queries, head.out);
    float *table = cuda::numbers<float>(scores), *result = cuda::numbers<float>(y);
    cuda::launch(scores_kernel, dim3(pieces(head.keys, threads), rows), dim3(threads), head, table);
    cuda::launch(softmax_kernel, dim3(pieces(head.queries, threads)), dim3(threads), head, table);
    cuda::launch(output_kernel, dim3(pieces(head.out, threads), rows), dim3(threads), head, table,
                 result);
    return y;
}

}  // namespace ldm::attention::variants::gpu
