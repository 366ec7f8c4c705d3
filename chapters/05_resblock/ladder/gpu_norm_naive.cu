#include "chapters/05_resblock/ladder/gpu.h"
#include "chapters/05_resblock/ladder/gpu_norm.cuh"

namespace ldm::resblock::ladder::gpu {
namespace {

constexpr int threads = 128;

__global__ void moments_kernel(Groups g, Moments* moments) {
    const int group = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (group >= g.count) return;
    const float* x = g.x + group * g.length;
    // so many in a row: a float forgets the last digits of what it adds
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < g.length; ++i) sum += x[i];
    const auto mean = static_cast<float>(sum / g.length);
    for (int i = 0; i < g.length; ++i) squares += (x[i] - mean) * (x[i] - mean);
    moments[group] = {mean, 1.0f / sqrtf(static_cast<float>(squares / g.length) + g.eps)};
}

__global__ void level_kernel(Groups g, const Moments* moments, float* y) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= g.size()) return;
    const Moments of = moments[i / g.length];
    const int channel = i / g.pixels % g.channels;
    y[i] = (g.x[i] - of.mean) * of.inverse_deviation * g.scale[channel] + g.offset[channel];
}

__global__ void silu_kernel(int size, float* y) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < size) y[i] = silu(y[i]);
}

}  // namespace

Tensor level_and_bend(const Tensor& x, const Groups& g, const Moments* moments) {
    Tensor y = like(x, x.shape());
    const dim3 blocks(cuda::pieces(g.size(), threads));
    cuda::launch(level_kernel, blocks, dim3(threads), g, moments, cuda::numbers<float>(y));
    cuda::launch(silu_kernel, blocks, dim3(threads), g.size(), cuda::numbers<float>(y));
    return y;
}

Tensor norm_naive(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                  float eps) {
    const Groups g(x, groups, scale, offset, eps);
    Tensor room = room_for_moments(g);
    auto* moments = static_cast<Moments*>(room.address());
    cuda::launch(moments_kernel, dim3(cuda::pieces(g.count, threads)), dim3(threads), g, moments);
    return level_and_bend(x, g, moments);
}

}  // namespace ldm::resblock::ladder::gpu
