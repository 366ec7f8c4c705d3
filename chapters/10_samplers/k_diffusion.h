#pragma once

#include <string>
#include <vector>

#include "chapters/10_samplers/dpm_adaptive.h"
#include "chapters/10_samplers/exponential.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// The options of k-diffusion's samplers; each has some of them.
struct KDiffusionOptions {
    /// how much noise comes back, of the ancestral and stochastic ones
    double eta = 1;
    /// euler, heun and dpm_2: noise before each step
    double s_churn = 0;
    /// standard deviation of all noise
    double s_noise = 1;
    /// lms
    int order = 4;
    /// dpmpp_2m_sde: "midpoint" or "heun"
    Correction correction = Correction::midpoint;
};

/// The solver behind k-diffusion's sample_<name>: euler, euler_ancestral, heun, dpm_2,
/// dpm_2_ancestral, lms, dpmpp_2s_ancestral, dpmpp_sde, dpmpp_2m, dpmpp_2m_sde, dpmpp_3m_sde.
/// Throws for another name. Upstream: k-diffusion 0.1.1, k_diffusion/sampling.py.
SigmaSampler::MakeSolver k_diffusion_solver(const std::string& name,
                                            const KDiffusionOptions& options);

/// sample_dpm_fast: as many calls of the network as asked for, up to three in a step, from the
/// largest noise level of the table to the smallest. `calls` is at least 1.
std::unique_ptr<SigmaSampler> make_dpm_fast(const ddpm::Schedule& schedule, int calls,
                                            double eta = 0, double s_noise = 1);

/// sample_dpm_adaptive, between the same noise levels, with as many steps as it needs.
std::unique_ptr<SigmaSampler> make_dpm_adaptive(const ddpm::Schedule& schedule,
                                                const DpmAdaptiveSolver::Options& options = {});

/// The names that have noise of their own, and so an eta.
bool is_stochastic(const std::string& k_diffusion_name);

}  // namespace ldm::samplers
