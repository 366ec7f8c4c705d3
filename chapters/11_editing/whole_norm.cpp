#include "chapters/11_editing/whole_norm.h"

#include <fmt/format.h>

#include <cmath>

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::editing {
namespace {

Tensor on_cpu(const Tensor& x) { return ops::to(ops::to(x, DType::f32), Device::cpu); }

}  // namespace

//! [moments]
void GroupMoments::add(const Tensor& part) {
    const auto [n, channels, height, width] = part.dims<4>();
    expect(channels % groups_ == 0,
           fmt::format("{} channels do not make {} groups", channels, groups_));
    const Tensor x = ops::to(part, DType::f32).reshape({n * groups_, -1});
    const Tensor mean = ops::mean(x, {1}, ops::Axes::keep);
    const Tensor means = on_cpu(mean), squares = on_cpu(ops::sum(ops::square(x - mean), {1}));
    if (count_ == 0) {
        mean_.assign(static_cast<std::size_t>(means.size()), 0.0);
        squares_ = mean_;
    }
    expect(std::ssize(mean_) == means.size(), "all parts must have the same number of pictures");

    const auto added = static_cast<double>(x.dim(1)), all = count_ + added;
    for (std::size_t i = 0; i < mean_.size(); ++i) {
        const double further = means.values()[i] - mean_[i];
        mean_[i] += further * added / all;
        squares_[i] += squares.values()[i] + further * further * count_ * added / all;
    }
    count_ = all;
}
//! [moments]

//! [norm]
WholeNorm::WholeNorm(const nn::GroupNorm& norm, const GroupMoments& moments) {
    const Tensor weight = on_cpu(norm.weight()), bias = on_cpu(norm.bias());
    const std::int64_t channels = weight.size();
    const std::int64_t pictures = std::ssize(moments.mean()) / moments.groups();
    Tensor factor({pictures, channels, 1, 1}), term(factor.shape());
    for (std::int64_t i = 0; i < factor.size(); ++i) {
        const std::int64_t c = i % channels;
        // of all pictures: the groups of one stand behind those of the picture before
        const auto group = static_cast<std::size_t>(i / (channels / moments.groups()));
        const double scale =
            weight.values()[c] / std::sqrt(moments.variance(group) + double{norm.eps()});
        factor.data()[i] = static_cast<float>(scale);
        term.data()[i] = static_cast<float>(bias.values()[c] - moments.mean()[group] * scale);
    }
    factor_ = ops::to(factor, norm.weight().device());
    term_ = ops::to(term, norm.weight().device());
}

Tensor WholeNorm::then_silu(const Tensor& x) const {
    return ops::to(ops::silu(ops::to(x, DType::f32) * factor_ + term_), x.dtype());
}
//! [norm]

}  // namespace ldm::editing
