#pragma once

#include <string>
#include <vector>

#include "chapters/01_ddpm/sampler.h"

namespace ldm::pipeline {

/// At which of the T training timesteps (0 .. T - 1) a shorter trajectory stops, lowest first.
///   even     exactly S: k T / S rounded down, plus 1 (all T without the 1). The same as uniform
///            where S divides T and S < T.
///   uniform  every (T / S)-th step from 0, plus 1. The division is an integer one, so there can
///            be more than S of them: 7 of 1000 gives 8. The original's, for comparisons with it.
///   quad     the squares of S numbers from 0 to sqrt(0.8 T), cut to integers, plus 1: more steps
///            where there is little noise. A large S repeats timesteps.
/// As upstream (ldm/modules/diffusionmodules/util.py, make_ddim_timesteps) the last one of uniform
/// and quad can be T, one past the end. Throws an Error unless 1 <= S <= T, and for another method.
[[nodiscard]] std::vector<int> make_ddim_timesteps(const std::string& method, int S, int T);

/// "Denoising Diffusion Implicit Models" (Song, Meng, Ermon, 2021): from noise to picture in a few
/// long steps over the schedule that a network was trained on. Each step asks the network for the
/// noise eps in x, computes the x0 that it implies, and mixes the two as they are mixed at the next
/// timestep t':
///
///   x0 = (x - sqrt(1 - ac[t]) eps) / sqrt(ac[t])
///   x' = sqrt(ac[t']) x0 + sqrt(1 - ac[t'] - sigma^2) eps + sigma temperature noise
///
///   sigma = eta sqrt((1 - ac[t']) / (1 - ac[t]) (1 - ac[t] / ac[t']))
///
/// eta 0 adds no noise, and 1 is like the ancestral sampler. In the last step ac[t'] is ac[0], not
/// 1: a trace of noise stays. A network that predicts x0 or v works too: the schedule says which.
/// Upstream: ldm/models/diffusion/ddim.py.
///
///     DDIMSampler sampler(schedule, {.S = 30});
///     Tensor z = sampler.sample(with_guidance(unet, cond, uncond, 7.5f), noise({n, 4, 64, 64}));
class DDIMSampler : public ddpm::Sampler {
public:
    struct Config {
        /// number of steps, 1 .. T
        int S = 50;
        /// noise added in each step; 0 none, 1 as much as the ancestral sampler
        float eta = 0.0f;
        /// method of make_ddim_timesteps: even, uniform or quad
        std::string ddim_discretize = "even";
        /// factor of the added noise
        float temperature = 1.0f;
    };

    /// Where make_ddim_timesteps leaves the schedule (upstream then crashes: S = 3, 9, 27, 1000
    /// ...) the trajectory begins at the schedule's last step instead. Throws an Error for an S
    /// outside 1 .. T, an unknown ddim_discretize, and an eta below 0 or so large that
    /// sigma^2 > 1 - ac[t'] in some step.
    DDIMSampler(const ddpm::Schedule& schedule, const Config& config);

    /// Along any schedule of sigmas; S and ddim_discretize are not read. Throws an Error if a stop
    /// is not a whole timestep, and for eta as above.
    DDIMSampler(const ddpm::Schedule& schedule, ddpm::SigmaSchedule stops, const Config& config);

    /// Upstream's tables, one entry for each step, lowest timestep first.
    const std::vector<int>& timesteps() const { return timesteps_; }
    /// Upstream's ddim_alphas: alphas_cumprod at each stop, not 1 - beta.
    const std::vector<float>& alphas() const { return alphas_; }
    /// ddim_alphas_prev: alphas_cumprod at the stop that the step leads to.
    const std::vector<float>& alphas_prev() const { return alphas_prev_; }
    /// ddim_sigmas: standard deviation of the noise added in the step; not SigmaSchedule::sigmas.
    const std::vector<float>& sigmas() const { return sigmas_; }

private:
    /// `noise` is called once a step when eta > 0, and once before each step when something is
    /// known and its noise is not given; throws an Error if it is missing then. Upstream's decode()
    /// counts the other way: the last `steps` steps begin at the stop steps() - `steps`.
    [[nodiscard]] Tensor sample_from(int first, const ddpm::Denoiser& model, const Tensor& x_T,
                                     const ddpm::Noise& noise, const ddpm::Observer& observer,
                                     const ddpm::Known& known) const override;

    struct Step {
        Tensor x, pred_x0;
    };
    Step step(const ddpm::Denoiser& model, const Tensor& x, int index,
              const ddpm::Noise& noise) const;

    ddpm::Schedule schedule_;
    Config config_;
    std::vector<int> timesteps_;
    std::vector<float> alphas_, alphas_prev_, sigmas_;
};

/// DDIM by its name, "ddim", for the list of samplers: exactly as many steps as asked for, or 50.
ddpm::SamplerKind ddim_sampler();

}  // namespace ldm::pipeline
