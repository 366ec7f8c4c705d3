#include "chapters/01_ddpm/time_embedding.h"

#include <cmath>

#include "common/ops/shape.h"

namespace ldm::ddpm {
namespace {

Tensor times_of(const Tensor& t) {
    expect(t.rank() == 1, "times: expected [N], got " + to_string(t.shape()));
    return t.dtype() == DType::i32 ? ops::to_float(t) : t;
}

}  // namespace

// All in float32, as upstream: with t near 1000 the rounding of a frequency is seen in the sine,
// and a trained network has only ever seen it so.

//! [embedding]
Tensor timestep_embedding(const Tensor& t, int dim, float max_period, bool repeat_only) {
    expect(dim >= 1, "time embedding: expected dim >= 1, got " + std::to_string(dim));
    const Tensor times = times_of(t);
    const auto n = times.dim(0);
    if (repeat_only) return ops::broadcast_to(times.reshape({n, 1}), {n, dim});

    const int half = dim / 2;
    const float log_period = static_cast<float>(std::log(static_cast<double>(max_period)));
    Tensor y = Tensor::zeros({n, dim});
    for (std::int64_t row = 0; row < n; ++row)
        for (int i = 0; i < half; ++i) {
            const float frequency =
                std::exp(-log_period * static_cast<float>(i) / static_cast<float>(half));
            const float angle = times.data()[row] * frequency;
            y.data()[row * dim + i] = std::cos(angle);
            y.data()[row * dim + half + i] = std::sin(angle);
        }
    return y;
}
//! [embedding]

Tensor get_timestep_embedding(const Tensor& t, int dim) {
    expect(dim >= 4, "time embedding, sines first: expected dim >= 4, got " + std::to_string(dim));
    const Tensor times = times_of(t);
    const auto n = times.dim(0);
    const int half = dim / 2;
    const float rate = static_cast<float>(-std::log(10000.0) / (half - 1));
    Tensor y = Tensor::zeros({n, dim});
    for (std::int64_t row = 0; row < n; ++row)
        for (int i = 0; i < half; ++i) {
            const float angle = times.data()[row] * std::exp(static_cast<float>(i) * rate);
            y.data()[row * dim + i] = std::sin(angle);
            y.data()[row * dim + half + i] = std::cos(angle);
        }
    return y;
}

}  // namespace ldm::ddpm
