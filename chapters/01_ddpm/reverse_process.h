#pragma once

#include "chapters/01_ddpm/forward_process.h"
#include "chapters/01_ddpm/sampling.h"

/// The reverse process, from noise to picture: the learned Markov chain p(x_{t-1} | x_t). x_t and
/// predictions are [N, C, H, W], t is [N] int32 and counts from 0 (the papers' t minus 1).
/// Upstream: ldm/models/diffusion/ddpm.py.

namespace ldm::ddpm {

// x_t = sqrt(ac) x0 + sqrt(1 - ac) eps is one equation in three unknowns: two give the third.
Tensor predict_start_from_noise(const Schedule& s, const Tensor& x_t, const Tensor& t,
                                const Tensor& eps);
Tensor predict_eps_from_xstart(const Schedule& s, const Tensor& x_t, const Tensor& t,
                               const Tensor& x0);

// v = sqrt(ac) eps - sqrt(1 - ac) x0 is x_t turned by a right angle; turning back gives x0 and eps.
// (Salimans and Ho, 2022, "Progressive distillation")
Tensor get_v(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& eps);
Tensor predict_start_from_v(const Schedule& s, const Tensor& x_t, const Tensor& t, const Tensor& v);
Tensor predict_eps_from_v(const Schedule& s, const Tensor& x_t, const Tensor& t, const Tensor& v);

/// The picture, or the noise, that a prediction in the schedule's own parameterization stands for.
Tensor predicted_x0(const Schedule& s, const Tensor& x_t, const Tensor& t,
                    const Tensor& prediction);
Tensor predicted_eps(const Schedule& s, const Tensor& x_t, const Tensor& t,
                     const Tensor& prediction);

/// The posterior q(x_{t-1} | x_t, x0): where one step back leads when the picture is known.
/// Ho et al. (2020), equations 6 and 7; the mixture of variances is v_posterior of the schedule.
Gaussian q_posterior(const Schedule& s, const Tensor& x0, const Tensor& x_t, const Tensor& t);

struct AncestralOptions {
    /// clamps the predicted x0 to [-1, 1]: right for pictures, not for latents
    bool clip_denoised = true;
    /// scales the noise of every step
    float temperature = 1.0f;
};

/// One ancestral step for a batch at one time t, x_t -> x_{t-1}, and the x0 that the network
/// predicts, both [N, C, H, W].
struct AncestralStep {
    Tensor x, pred_x0;
};
AncestralStep p_sample(const Schedule& s, const Denoiser& model, const Tensor& x_t, int t,
                       const Tensor& noise, const AncestralOptions& options = {});

/// Ancestral sampling, from x_T (pure noise) to a picture: Ho et al. (2020), algorithm 2. Where
/// something is known it is blended in, with the noise of the same time, after each step. `first`
/// steps are left out: x has the noise of time T - 1 - first.
Tensor p_sample_loop(const Schedule& s, const Denoiser& model, Tensor x, const Noise& noise,
                     const AncestralOptions& options = {}, const Observer& observer = {},
                     const Known& known = {}, int first = 0);

}  // namespace ldm::ddpm
