#include "chapters/01_ddpm/reverse_process.h"

#include "common/ops/elementwise.h"

namespace ldm::ddpm {

//! [parameterizations]
Tensor predict_start_from_noise(const Schedule& s, const Tensor& x_t, const Tensor& t,
                                const Tensor& eps) {
    return at(s.sqrt_recip_alphas_cumprod, t) * x_t - at(s.sqrt_recipm1_alphas_cumprod, t) * eps;
}

Tensor predict_eps_from_xstart(const Schedule& s, const Tensor& x_t, const Tensor& t,
                               const Tensor& x0) {
    return (at(s.sqrt_recip_alphas_cumprod, t) * x_t - x0) / at(s.sqrt_recipm1_alphas_cumprod, t);
}

Tensor get_v(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& eps) {
    return at(s.sqrt_alphas_cumprod, t) * eps - at(s.sqrt_one_minus_alphas_cumprod, t) * x0;
}

Tensor predict_start_from_v(const Schedule& s, const Tensor& x_t, const Tensor& t,
                            const Tensor& v) {
    return at(s.sqrt_alphas_cumprod, t) * x_t - at(s.sqrt_one_minus_alphas_cumprod, t) * v;
}

Tensor predict_eps_from_v(const Schedule& s, const Tensor& x_t, const Tensor& t, const Tensor& v) {
    return at(s.sqrt_alphas_cumprod, t) * v + at(s.sqrt_one_minus_alphas_cumprod, t) * x_t;
}
//! [parameterizations]

Tensor predicted_x0(const Schedule& s, const Tensor& x_t, const Tensor& t,
                    const Tensor& prediction) {
    switch (s.parameterization) {
        case Parameterization::eps:
            return predict_start_from_noise(s, x_t, t, prediction);
        case Parameterization::v:
            return predict_start_from_v(s, x_t, t, prediction);
        case Parameterization::x0:
            break;
    }
    return prediction;
}

Tensor predicted_eps(const Schedule& s, const Tensor& x_t, const Tensor& t,
                     const Tensor& prediction) {
    switch (s.parameterization) {
        case Parameterization::x0:
            return predict_eps_from_xstart(s, x_t, t, prediction);
        case Parameterization::v:
            return predict_eps_from_v(s, x_t, t, prediction);
        case Parameterization::eps:
            break;
    }
    return prediction;
}

//! [posterior]
Gaussian q_posterior(const Schedule& s, const Tensor& x0, const Tensor& x_t, const Tensor& t) {
    return {.mean = at(s.posterior_mean_coef1, t) * x0 + at(s.posterior_mean_coef2, t) * x_t,
            .variance = at(s.posterior_variance, t),
            .log_variance = at(s.posterior_log_variance_clipped, t)};
}
//! [posterior]

//! [step]
AncestralStep p_sample(const Schedule& s, const Denoiser& model, const Tensor& x_t, int t,
                       const Tensor& noise, const AncestralOptions& options) {
    const Tensor steps = same_step(x_t, t);
    Tensor x0 = predicted_x0(s, x_t, steps, model(x_t, steps));
    if (options.clip_denoised) x0 = ops::clamp(x0, -1.0f, 1.0f);

    const Gaussian posterior = q_posterior(s, x0, x_t, steps);
    if (t == 0) return {posterior.mean, x0};
    const Tensor deviation = ops::exp(0.5f * posterior.log_variance);
    return {posterior.mean + deviation * noise * options.temperature, x0};
}
//! [step]

//! [loop]
Tensor p_sample_loop(const Schedule& s, const Denoiser& model, Tensor x, const Noise& noise,
                     const AncestralOptions& options, const Observer& observer, const Known& known,
                     int first) {
    const int count = s.timesteps() - first;
    for (int t = count - 1; t >= 0; --t) {
        // upstream draws noise for t = 0 too, and does not use it
        const AncestralStep step = p_sample(s, model, x, t, noise(x.shape()), options);
        x = step.x;
        if (known.mask) {
            const Tensor there = q_sample(s, known.x0, same_step(x, t),
                                          known.noise ? known.noise : noise(x.shape()));
            x = known.mask * there + (-known.mask + 1.0f) * x;
        }
        if (observer && !observer({t, count, t, x, step.pred_x0})) break;
    }
    return x;
}
//! [loop]

}  // namespace ldm::ddpm
