#pragma once

#include "chapters/01_ddpm/schedule.h"

/// The forward process, from picture to noise: the Markov chain q(x_t | x_{t-1}) and its marginals
/// q(x_t | x_0). Pictures are [N, C, H, W] with values around [-1, 1], t is [N] int32 and counts
/// from 0 (the papers' t minus 1).
/// "Denoising Diffusion Probabilistic Models" (Ho, Jain, Abbeel, 2020), equation 4.
/// Upstream: ldm/models/diffusion/ddpm.py, q_sample, q_mean_variance, _prior_bpd.

namespace ldm::ddpm {

/// A normal distribution of pictures: mean [N, C, H, W], variance and its logarithm [N, 1, 1, 1].
struct Gaussian {
    Tensor mean, variance, log_variance;
};

/// A sample of q(x_t | x0): sqrt(ac[t]) x0 + sqrt(1 - ac[t]) noise, all t + 1 steps at once.
/// -> [N, C, H, W]. Throws when the shapes of x0 and noise differ.
Tensor q_sample(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& noise);

/// The distribution that q_sample draws from.
Gaussian q_mean_variance(const Schedule& s, const Tensor& x0, const Tensor& t);

/// How far the end of the process still is from pure noise: the Kullback-Leibler divergence of
/// q(x_T | x0) from N(0, 1) in bits per number, [N].
Tensor prior_bpd(const Schedule& s, const Tensor& x0);

}  // namespace ldm::ddpm
