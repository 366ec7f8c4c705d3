#pragma once

#include <cmath>

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"

namespace ldm::attention::variants::gpu {

/// The operands of one head as a kernel is given them: q [queries, width], k [keys, width],
/// v [keys, out].
struct Head {
    int queries, keys, width, out;
    // factor of the scores, 1 / sqrt(width)
    float scale;
    const float *q, *k, *v;

    Head(const Tensor& q, const Tensor& k, const Tensor& v)
        : queries(static_cast<int>(q.dims<2>()[0])),
          keys(static_cast<int>(k.dims<2>()[0])),
          width(static_cast<int>(q.dim(1))),
          out(static_cast<int>(v.dims<2>()[1])),
          scale(1.0f / std::sqrt(static_cast<float>(width))),
          q(cuda::numbers<float>(q)),
          k(cuda::numbers<float>(k)),
          v(cuda::numbers<float>(v)) {
        expect_shape(k, {keys, width});
        expect_shape(v, {keys, out});
        expect(keys > 0, "attention over no keys");
    }
};

/// A tensor on the GPU, not yet written.
inline Tensor on_gpu(std::int64_t rows, std::int64_t columns) {
    return Tensor({rows, columns}, DType::f32, Device::cuda);
}

using cuda::pieces;

}  // namespace ldm::attention::variants::gpu
