#include "chapters/09_training/losses/act_norm.h"

#include <fmt/format.h>

#include "chapters/09_training/losses/counter.h"
#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

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
        fail(fmt::format("one number a channel has no standard deviation: {}",
                         to_string(x.shape())));
    const NoGradient numbers_only;
    const Tensor mean = ops::mean(x, {0, 2, 3}, ops::Axes::keep);  // [1, C, 1, 1]
    const Tensor squares = ops::sum(ops::square(x - mean), {0, 2, 3}, ops::Axes::keep);
    const Tensor deviation = ops::sqrt(squares / static_cast<float>(count - 1));
    ops::copy_into(loc_, -mean);
    ops::copy_into(scale_, (ops::zeros_like(deviation) + 1.0f) / (deviation + 1e-6f));
    write_counter(initialized_, 1);
}
//! [forward]

bool ActNorm::is_initialized() const { return !initialized_ || read_counter(initialized_) != 0; }

}  // namespace ldm::train
