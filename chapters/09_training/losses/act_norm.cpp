#include "chapters/09_training/losses/act_norm.h"

#include <fmt/format.h>

#include <cmath>

#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::train {

ActNorm::ActNorm(const nn::Params& weights, int channels)
    : path_(weights.path()),
      loc_(weights.get("loc", {1, channels, 1, 1})),
      scale_(weights.get("scale", {1, channels, 1, 1})) {
    if (weights.contains("initialized")) initialized_ = weights.get("initialized", {});
}

//! [forward]
Tensor ActNorm::operator()(const Tensor& x, Mode mode) {
    if (mode == Mode::train && !is_initialized()) initialize(x);
    return traced(path_, scale_ * (x + loc_));
}

void ActNorm::initialize(const Tensor& x) {
    const std::int64_t count = x.size() / x.dim(1);
    if (count < 2)
        fail(fmt::format("one number a channel has no deviation: {}", to_string(x.shape())));
    const NoGradient numbers_only;
    const Tensor mean = ops::mean(x, {0, 2, 3}, ops::Axes::keep);  // [1, C, 1, 1]
    const Tensor squares = ops::sum(ops::square(x - mean), {0, 2, 3}, ops::Axes::keep);
    for (std::int64_t c = 0; c < mean.size(); ++c) {
        const float deviation = std::sqrt(squares.data()[c] / static_cast<float>(count - 1));
        loc_.data()[c] = -mean.data()[c];
        scale_.data()[c] = 1.0f / (deviation + 1e-6f);
    }
    if (initialized_.dtype() == DType::i32)
        *initialized_.ints() = 1;
    else
        *initialized_.data() = 1.0f;
}
//! [forward]

bool ActNorm::is_initialized() const {
    if (!initialized_) return true;
    return initialized_.dtype() == DType::i32 ? *initialized_.ints() != 0
                                              : *initialized_.data() != 0.0f;
}

}  // namespace ldm::train
