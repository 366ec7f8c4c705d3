#include "chapters/05_resblock/variants/gpu.h"
#include "chapters/05_resblock/variants/gpu_norm.cuh"

namespace ldm::resblock::variants::gpu {
namespace {

constexpr int threads = 128;

__global__ void statistics_kernel(Groups g, MeanVariance* statistics) {
    const int group = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (group >= g.count) return;
    const float* x = g.x + group * g.length;
    // so many in a row: a float forgets the last digits of what it adds
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < g.length; ++i) sum += x[i];
    const auto mean = static_cast<float>(sum / g.length);
    for (int i = 0; i < g.length; ++i) squares += (x[i] - mean) * (x[i] - mean);
    statistics[group] = {mean, 1.0f / sqrtf(static_cast<float>(squares / g.length) + g.eps)};
}

__global__ void normalize_kernel(Groups g, const MeanVariance* statistics, float* y) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= g.size()) return;
    const MeanVariance of = statistics[i / g.length];
    const int channel = i / g.pixels % g.channels;
    y[i] = (g.x[i] - of.mean) * of.inverse_deviation * g.weight[channel] + g.bias[channel];
}

__global__ void silu_kernel(int size, float* y) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < size) y[i] = silu(y[i]);
}

}  // namespace

Tensor normalize_and_silu(const Tensor& x, const Groups& g, const MeanVariance* statistics) {
    Tensor y = like(x, x.shape());
    const dim3 blocks(cuda::pieces(g.size(), threads));
    cuda::launch(normalize_kernel, blocks, dim3(threads), g, statistics, cuda::numbers<float>(y));
    cuda::launch(silu_kernel, blocks, dim3(threads), g.size(), cuda::numbers<float>(y));
    return y;
}

Tensor norm_naive(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                  float eps) {
    const Groups g(x, groups, weight, bias, eps);
    Tensor room = room_for_statistics(g);
    auto* statistics = static_cast<MeanVariance*>(room.address());
    cuda::launch(statistics_kernel, dim3(cuda::pieces(g.count, threads)), dim3(threads), g,
                 statistics);
    return normalize_and_silu(x, g, statistics);
}

}  // namespace ldm::resblock::variants::gpu
