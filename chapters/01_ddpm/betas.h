#pragma once

#include <functional>
#include <string>
#include <vector>

/// The noise schedule: how much noise each step of the forward process adds. betas[t] is the share
/// of the variance that a step replaces by noise; ac[t] = (1 - betas[0]) ... (1 - betas[t]) is the
/// share of the picture's variance that is left. t counts from 0 here, from 1 in the papers.
/// Upstream: ldm/modules/diffusionmodules/util.py. Everything in double, as there.

namespace ldm::ddpm {

/// The betas of T = n_timestep steps. `kind` is one of
///   linear       a straight line of square roots, squared ("scaled_linear" elsewhere)
///   sqrt_linear  a straight line ("linear" elsewhere)
///   sqrt         the square root of a straight line
///   cosine       so that ac falls like cos^2 (Nichol and Dhariwal, 2021), beta at most 0.999
/// The first three run from linear_start to linear_end; cosine_s belongs to the last.
/// Throws for an unknown kind and for numbers that give a beta outside [0, 1).
std::vector<double> make_beta_schedule(const std::string& kind, int n_timestep,
                                       double linear_start = 1e-4, double linear_end = 2e-2,
                                       double cosine_s = 8e-3);

/// The betas [num_diffusion_timesteps] that make ac follow a given curve: alpha_bar(u), u from 0
/// (picture) to 1 (noise).
std::vector<double> betas_for_alpha_bar(int num_diffusion_timesteps,
                                        const std::function<double(double)>& alpha_bar,
                                        double max_beta = 0.999);

/// The curve of the cosine schedule: cos^2(((u + s) / (1 + s)) pi / 2).
double cosine_alpha_bar(double u, double s);

/// ac: the running product of 1 - beta.
std::vector<double> cumulative_alphas(const std::vector<double>& betas);

}  // namespace ldm::ddpm
