#include "chapters/01_ddpm/forward_process.h"

#include <numbers>

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::ddpm {

//! [forward]
Tensor q_sample(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& noise) {
    expect_shape(noise, x0.shape());
    return at(s.sqrt_alphas_cumprod, t) * x0 + at(s.sqrt_one_minus_alphas_cumprod, t) * noise;
}
//! [forward]

Gaussian q_mean_variance(const Schedule& s, const Tensor& x0, const Tensor& t) {
    return {.mean = at(s.sqrt_alphas_cumprod, t) * x0,
            .variance = -at(s.alphas_cumprod, t) + 1.0f,
            .log_variance = at(s.log_one_minus_alphas_cumprod, t)};
}

Tensor prior_bpd(const Schedule& s, const Tensor& x0) {
    const auto [mean, variance, log_variance] =
        q_mean_variance(s, x0, same_step(x0, s.timesteps() - 1));
    const Tensor kl = 0.5f * (-log_variance - 1.0f + ops::exp(log_variance) + ops::square(mean));
    return ops::mean_per_sample(kl) / std::numbers::ln2_v<float>;
}

}  // namespace ldm::ddpm
