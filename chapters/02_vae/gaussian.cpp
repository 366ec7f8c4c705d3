#include "chapters/02_vae/gaussian.h"

#include <cmath>
#include <numbers>

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::vae {

using ops::exp;
using ops::square;
using ops::sum_per_sample;

//! [moments]
DiagonalGaussian::DiagonalGaussian(const Tensor& moments, bool deterministic)
    : deterministic_(deterministic), moments_(moments) {
    // [N, 2 C, h, w]: mean, logvar
    const auto halves = ops::chunk(moments, 2, 1);
    mean_ = halves[0];
    logvar_ = ops::clamp(halves[1], -30.0f, 20.0f);
    std_ = deterministic ? ops::zeros_like(mean_) : exp(0.5f * logvar_);
    var_ = deterministic ? ops::zeros_like(mean_) : exp(logvar_);
}

Tensor DiagonalGaussian::sample(const Tensor& noise) const { return mean_ + std_ * noise; }

Tensor DiagonalGaussian::kl() const {
    if (deterministic_) return sum_per_sample(ops::zeros_like(mean_));
    return 0.5f * sum_per_sample(square(mean_) + var_ - logvar_ - 1.0f);
}
//! [moments]

Tensor DiagonalGaussian::kl(const DiagonalGaussian& other) const {
    if (deterministic_) return sum_per_sample(ops::zeros_like(mean_));
    return 0.5f * sum_per_sample(square(mean_ - other.mean_) / other.var_ + var_ / other.var_ -
                                 logvar_ + other.logvar_ - 1.0f);
}

Tensor DiagonalGaussian::nll(const Tensor& z) const {
    if (deterministic_) return sum_per_sample(ops::zeros_like(mean_));
    const float log_2pi = std::log(2.0f * std::numbers::pi_v<float>);
    return 0.5f * sum_per_sample(square(z - mean_) / var_ + logvar_ + log_2pi);
}

Tensor normal_kl(const Tensor& mean1, const Tensor& logvar1, const Tensor& mean2,
                 const Tensor& logvar2) {
    return 0.5f * (logvar2 - logvar1 + exp(logvar1 - logvar2) +
                   square(mean1 - mean2) * exp(-logvar2) - 1.0f);
}

}  // namespace ldm::vae
