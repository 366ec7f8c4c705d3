#include "chapters/09_training/losses/batch_norm.h"

#include "chapters/09_training/losses/counter.h"
#include "common/autograd/trace.h"
#include "common/ops/batch_norm.h"
#include "common/ops/optimizer_step.h"

namespace ldm::train {
namespace {

constexpr float eps = 1e-5f;
constexpr float momentum = 0.1f;

}  // namespace

BatchNorm2d::BatchNorm2d(const nn::Params& weights, int channels)
    : path_(weights.path()),
      weight_(weights.get("weight", {channels})),
      bias_(weights.get("bias", {channels})),
      running_mean_(weights.get("running_mean", {channels})),
      running_var_(weights.get("running_var", {channels})) {
    if (weights.contains("num_batches_tracked")) batches_ = weights.get("num_batches_tracked", {});
}

//! [forward]
Tensor BatchNorm2d::operator()(const Tensor& x, Mode mode) {
    if (mode == Mode::eval)
        return traced(path_,
                      ops::batch_norm(x, {running_mean_, running_var_}, weight_, bias_, eps));
    const auto [y, moments] = ops::batch_norm(x, weight_, bias_, eps);
    update_running_statistics(moments.mean, moments.variance, x.size() / x.dim(1));
    return traced(path_, y);
}

void BatchNorm2d::update_running_statistics(const Tensor& mean, const Tensor& variance,
                                            std::int64_t count) {
    const float unbiased = static_cast<float>(count) / static_cast<float>(count - 1);
    ops::add_into(running_mean_, 1.0f - momentum, mean, momentum);
    ops::add_into(running_var_, 1.0f - momentum, variance, momentum * unbiased);
    if (batches_) write_counter(batches_, read_counter(batches_) + 1);
}
//! [forward]

}  // namespace ldm::train
