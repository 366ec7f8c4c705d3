#pragma once

#include <cmath>
#include <string>

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"

namespace ldm::resblock::variants::gpu {

/// The operands of GroupNorm as a kernel is given them. The channels of a group lie one behind the
/// other, so a group is `length` numbers in a row.
struct Groups {
    // groups in all pictures; numbers in one
    int count, length;
    // of a picture; of a group; of a channel
    int channels, width, pixels;
    float eps;
    const float *x, *weight, *bias;

    Groups(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias, float eps)
        : eps(eps),
          x(cuda::numbers<float>(x)),
          weight(cuda::numbers<float>(weight)),
          bias(cuda::numbers<float>(bias)) {
        const auto [n, c, h, w] = x.dims<4>();
        expect(groups > 0 && c % groups == 0,
               std::to_string(c) + " channels do not make " + std::to_string(groups) + " groups");
        expect_shape(weight, {c});
        expect_shape(bias, {c});
        expect(x.size() <= 1 << 30,
               "this kernel counts in 32 bits: too many numbers in " + to_string(x.shape()));
        count = static_cast<int>(n * groups);
        channels = static_cast<int>(c);
        width = channels / groups;
        pixels = static_cast<int>(h * w);
        length = width * pixels;
    }

    __host__ __device__ int size() const { return count * length; }
};

/// Of a block that has a whole group: as many as there can be, for groups are long, and there are
/// few of them.
constexpr int block_threads = 1024;

struct MeanVariance {
    float mean, inverse_deviation;
};

/// The activation function SiLU: x sigmoid(x).
__device__ inline float silu(float x) { return x / (1.0f + expf(-x)); }

/// Room for the statistics of all groups.
inline Tensor room_for_statistics(const Groups& g) {
    return Tensor({g.count, 2}, DType::f32, Device::cuda);
}

/// y = silu(normalized x), a kernel for each of the two and a thread for every number; the first
/// two variants use it. (gpu_norm_naive.cu)
Tensor normalize_and_silu(const Tensor& x, const Groups& g, const MeanVariance* statistics);

}  // namespace ldm::resblock::variants::gpu
