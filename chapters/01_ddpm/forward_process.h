#pragma once

#include "chapters/01_ddpm/schedule.h"

/// From picture to noise. Pictures are [N, C, H, W] with values around [-1, 1], t is [N] int32.
/// "Denoising Diffusion Probabilistic Models" (Ho, Jain, Abbeel, 2020), equation 4.
/// Upstream: ldm/models/diffusion/ddpm.py, q_sample, q_mean_variance, _prior_bpd.

namespace ldm::ddpm {

/// A normal distribution of pictures: mean [N, C, H, W], variance and its logarithm [N, 1, 1, 1].
struct Gaussian {
    Tensor mean, variance, log_variance;
};

/// x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise: t + 1 steps of noise at once.
Tensor q_sample(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& noise);

/// The distribution that q_sample draws from.
Gaussian q_mean_variance(const Schedule& s, const Tensor& x0, const Tensor& t);

/// How far the end of the process still is from pure noise: the Kullback-Leibler divergence of
/// x_{T-1} from N(0, 1) in bits per number, [N].
Tensor prior_bpd(const Schedule& s, const Tensor& x0);

}  // namespace ldm::ddpm
