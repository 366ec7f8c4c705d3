#pragma once

#include <functional>
#include <limits>
#include <memory>

#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// A step to noise level `to` in two halves: without noise down to `down`, then noise of standard
/// deviation `up` back on top; down^2 + up^2 = to^2, but for DDPM's larger variance.
struct Split {
    double down, up;
};

/// The split of step i, which leads from one noise level to another.
using SplitStep = std::function<Split(int i, double from, double to)>;

/// As much noise back as DDPM adds, times eta: up = eta to sqrt(from^2 - to^2) / from, at most
/// `to`. eta 0 is the ordinary differential equation, 1 ancestral sampling. DDIM's eta, diffusers'
/// and k-diffusion's (get_ancestral_step) are all this one.
SplitStep ancestral(double eta);
Split ancestral_step(double from, double to, double eta);

/// The same, but never down to less than `end`, where less noise comes back (k-diffusion's DPM fast
/// and DPM adaptive).
Split ancestral_step_above(double end, double from, double to, double eta);

/// DDPM with the variance beta instead of the posterior's ("fixed_large"): more noise than fits.
/// `noise_at_end`: also in the step to noise level 0.
SplitStep ancestral_with_large_variance(bool noise_at_end);

/// Down to the picture and all noise back: what a consistency model is made for (Luo et al., 2023:
/// LCM).
SplitStep all_noise_back();

/// Trajectory consistency distillation (Zheng et al., 2024: TCD): down to time (1 - gamma) of the
/// next stop's, rounded down, and back up to it. `times` are the times of the stops.
SplitStep down_by_time(const SigmaTable& table, std::vector<float> times, double gamma);

/// Noise that is added before the network looks, so that it can correct what former steps got wrong
/// (Karras et al., 2022, algorithm 2).
struct Churn {
    /// how much over all steps; 0: none
    double s_churn = 0;
    /// only between these noise levels
    double s_tmin = 0, s_tmax = std::numeric_limits<double>::infinity();

    /// The factor on the noise level sigma, at least 1.
    double factor(double sigma, int steps) const;
};

/// The straight line from y through the denoised picture:
///
///     y' = D + (down / sigma) (y - D) + up noise
///
/// Euler's method for dy/dsigma = (y - D) / sigma, and, with the right split, also DDIM, DDPM,
/// Euler ancestral, LCM and TCD.
class EulerSolver : public Solver {
public:
    struct Options {
        SplitStep split = ancestral(0);
        Churn churn = {};
        /// standard deviation of all added noise
        double s_noise = 1;
        /// Where the predicted x0 was changed (clamped), the direction away from it is still the
        /// network's own: diffusers' DDIM.
        bool direction_as_predicted = false;
    };
    explicit EulerSolver(Options options) : options_(std::move(options)) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Options options_;
};

/// y, with churn's noise on top, and its noise level.
struct Churned {
    Tensor y;
    double sigma;
};
Churned churned(const Churn& churn, double s_noise, const Denoising& denoise, int i,
                const Tensor& y);

/// Down the line from y at `sigma` through the picture D.
Tensor euler_step(const Tensor& y, const Tensor& x0, double sigma, double down);

/// y with noise of standard deviation up * s_noise; y itself where up is 0.
Tensor noised(const Denoising& denoise, int i, const Tensor& y, double up, double s_noise);

}  // namespace ldm::samplers
