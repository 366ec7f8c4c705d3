#include "chapters/01_ddpm/time_embedding.h"

#include <cmath>

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

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
    Tensor frequencies({half});
    for (int i = 0; i < half; ++i)
        frequencies.data()[i] =
            std::exp(-log_period * static_cast<float>(i) / static_cast<float>(half));
    const Tensor column = times.reshape({n, 1});
    const Tensor angles = column * ops::to(frequencies, t.device());  // [N, half]

    std::vector<Tensor> parts = {ops::cos(angles), ops::sin(angles)};
    if (dim % 2 == 1) parts.push_back(ops::zeros_like(column));
    return ops::concat(parts, 1);  // [N, dim]
}
//! [embedding]

Tensor get_timestep_embedding(const Tensor& t, int dim) {
    expect(dim >= 4, "time embedding, sines first: expected dim >= 4, got " + std::to_string(dim));
    const Tensor times = times_of(t);
    const int half = dim / 2;
    const float rate = static_cast<float>(-std::log(10000.0) / (half - 1));
    Tensor frequencies({half});
    for (int i = 0; i < half; ++i) frequencies.data()[i] = std::exp(static_cast<float>(i) * rate);
    const Tensor column = times.reshape({-1, 1});
    const Tensor angles = column * ops::to(frequencies, t.device());

    std::vector<Tensor> parts = {ops::sin(angles), ops::cos(angles)};
    if (dim % 2 == 1) parts.push_back(ops::zeros_like(column));
    return ops::concat(parts, 1);
}

}  // namespace ldm::ddpm
