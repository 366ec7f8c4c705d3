#include <cmath>
#include <numeric>
#include <vector>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/optimizer_step.h"
#include "common/ops/cuda/reduce.cuh"

namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

/// end - (1 - share)(end - x) where that is the more exact of the two forms, as in PyTorch.
__device__ float interpolated(float x, float end, float share) {
    return share < 0.5f ? x + share * (end - x) : end - (end - x) * (1.0f - share);
}

__global__ void adam_kernel(std::int64_t count, float* w, float* m, float* v, const float* gradient,
                            AdamFactors f) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride()) {
        const float g = gradient[i] + f.joins * w[i];
        m[i] = interpolated(m[i], g, f.share1);
        v[i] = v[i] * f.beta2 + f.share2 * g * g;
        w[i] = w[i] * f.keep - f.rate * m[i] / (sqrtf(v[i]) / f.root + f.eps);
    }
}

__global__ void lerp_kernel(std::int64_t count, float* x, const float* end, float share) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride())
        x[i] = interpolated(x[i], end[i], share);
}

__global__ void add_kernel(std::int64_t count, float* x, float keep, const float* y, float share) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride())
        x[i] = x[i] * keep + share * y[i];
}

/// The sum of squares that each block meets; NaN or infinite when one of its numbers is.
__global__ void squares_kernel(std::int64_t count, const float* x, double* sums) {
    double sum = 0.0;
    for (std::int64_t i = first_index(); i < count; i += grid_stride())
        sum += static_cast<double>(x[i]) * x[i];
    sum = reduce_block(sum, Sum());
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

}  // namespace

void adam_step(Tensor& weight, Tensor& exp_avg, Tensor& exp_avg_sq, const Tensor& gradient,
               const AdamFactors& factors) {
    launch(adam_kernel, blocks_for(weight.size()), block_size, weight.size(),
           numbers<float>(weight), numbers<float>(exp_avg), numbers<float>(exp_avg_sq),
           numbers<float>(gradient), factors);
}

void lerp_into(Tensor& x, const Tensor& end, float share) {
    launch(lerp_kernel, blocks_for(x.size()), block_size, x.size(), numbers<float>(x),
           numbers<float>(end), share);
}

void add_into(Tensor& x, float keep, const Tensor& y, float share) {
    launch(add_kernel, blocks_for(x.size()), block_size, x.size(), numbers<float>(x), keep,
           numbers<float>(y), share);
}

/// Every tensor's blocks leave their sums behind those of the tensor before it.
double sum_of_squares(const std::vector<Tensor>& xs) {
    const auto blocks_of = [](const Tensor& x) { return std::min(blocks_for(x.size()).x, 256u); };
    std::int64_t count = 0;
    for (const Tensor& x : xs) count += blocks_of(x);
    if (count == 0) return 0.0;

    // `count` doubles
    Tensor on_device({2 * count}, DType::f32, Device::cuda);
    auto* next = static_cast<double*>(on_device.address());
    for (const Tensor& x : xs) {
        launch(squares_kernel, blocks_of(x), block_size, x.size(), numbers<float>(x), next);
        next += blocks_of(x);
    }
    std::vector<double> sums(count);
    copy_to_host(sums.data(), on_device.address(),
                 count * static_cast<std::int64_t>(sizeof(double)));
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// The square of a finite float32 is a finite double, and a sum of fewer than 2^600 of them, too.
bool all_finite(const Tensor& x) { return std::isfinite(cuda::sum_of_squares({x})); }

}  // namespace ldm::ops::cuda
