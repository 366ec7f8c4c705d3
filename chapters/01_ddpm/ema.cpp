#include "chapters/01_ddpm/ema.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/ops/optimizer_step.h"
#include "common/ops/shape.h"

namespace ldm::ddpm {
namespace {

Weights copy_of(const Weights& weights) {
    Weights copy;
    for (const auto& [name, w] : weights) copy.emplace(name, ops::detach(w));
    return copy;
}

/// The weight of that name, which must be there and have that shape.
const Tensor& matching(const Weights& weights, const std::string& name, const Shape& shape) {
    const auto found = weights.find(name);
    expect(found != weights.end(), fmt::format("weight averages: no weight '{}'", name));
    expect_shape(found->second, shape);
    return found->second;
}

void overwrite(Weights& weights, const Weights& source) {
    for (const auto& [name, values] : source) {
        Tensor w = matching(weights, name, values.shape());
        ops::copy_into(w, values);
    }
}

}  // namespace

LitEma::LitEma(const Weights& weights, float decay, bool use_num_updates)
    : decay_(decay),
      num_updates_(Tensor::ints({}, std::vector<std::int32_t>{use_num_updates ? 0 : -1})),
      shadow_(copy_of(weights)) {
    expect(decay >= 0.0f && decay <= 1.0f, fmt::format("'decay' is {}, expected 0 to 1", decay));
}

//! [update]
void LitEma::update(const Weights& weights) {
    float decay = decay_;
    std::int32_t& n = *num_updates_.ints();
    if (n >= 0) {
        ++n;
        decay = std::min(decay, (1.0f + n) / (10.0f + n));
    }
    for (auto& [name, shadow] : shadow_)
        ops::lerp_into(shadow, matching(weights, name, shadow.shape()), 1.0f - decay);
}
//! [update]

void LitEma::copy_to(Weights& weights) const { overwrite(weights, shadow_); }
void LitEma::store(const Weights& weights) { stored_ = copy_of(weights); }
void LitEma::restore(Weights& weights) const { overwrite(weights, stored_); }

Weights LitEma::state() const {
    Weights all = shadow_;
    all.emplace("num_updates", num_updates_);
    return all;
}

std::string LitEma::buffer_name(std::string name) {
    std::erase(name, '.');
    return name;
}

}  // namespace ldm::ddpm
