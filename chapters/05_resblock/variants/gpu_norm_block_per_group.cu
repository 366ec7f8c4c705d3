#include "chapters/05_resblock/variants/gpu.h"
#include "chapters/05_resblock/variants/gpu_norm.cuh"
#include "common/ops/cuda/reduce.cuh"

namespace ldm::resblock::variants::gpu {
namespace {

/// Neighbouring threads read neighbouring numbers, so that every line of memory that is fetched is
/// used whole.
__global__ void __launch_bounds__(block_threads)
    statistics_kernel(Groups g, MeanVariance* statistics) {
    const int group = static_cast<int>(blockIdx.x), first = static_cast<int>(threadIdx.x);
    const float* x = g.x + group * g.length;
    float sum = 0.0f, squares = 0.0f;
    for (int i = first; i < g.length; i += block_threads) sum += x[i];
    const float mean = cuda::reduce_block(sum, cuda::Sum()) / g.length;
    for (int i = first; i < g.length; i += block_threads) squares += (x[i] - mean) * (x[i] - mean);
    const float variance = cuda::reduce_block(squares, cuda::Sum()) / g.length;
    if (first == 0) statistics[group] = {mean, 1.0f / sqrtf(variance + g.eps)};
}

}  // namespace

Tensor norm_block_per_group(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                            float eps) {
    const Groups g(x, groups, weight, bias, eps);
    Tensor room = room_for_statistics(g);
    auto* statistics = static_cast<MeanVariance*>(room.address());
    cuda::launch(statistics_kernel, dim3(static_cast<unsigned>(g.count)), dim3(block_threads), g,
                 statistics);
    return normalize_and_silu(x, g, statistics);
}

}  // namespace ldm::resblock::variants::gpu
