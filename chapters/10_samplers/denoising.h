#pragma once

#include <functional>
#include <optional>

#include "chapters/01_ddpm/sampler.h"
#include "chapters/10_samplers/sigma_table.h"

namespace ldm::samplers {

/// Standard normal numbers for the way from one noise level to the next.
using StepNoise = std::function<Tensor(const Shape& shape, double from, double to)>;

/// What a network predicts as x0, changed: clamped, say.
using ChangeX0 = std::function<Tensor(const Tensor& x0, const Tensor& x, double sigma)>;

/// One run of a sampler as its solver sees it: the network as a denoiser over noise levels, and the
/// noise. Solvers do not work on the x of the forward process but on
///
///     y = x / sqrt(ac) = x0 + sigma noise,   sigma = sqrt((1 - ac) / ac)
///
/// ("variance exploding", Karras et al., 2022), in which the way from noise to picture is an
/// ordinary differential equation without factors: dy/dsigma = (y - D(y, sigma)) / sigma.
class Denoising {
public:
    Denoising(const SigmaTable& table, const ddpm::SigmaSchedule& stops,
              ddpm::Parameterization parameterization, const ddpm::Denoiser& model, StepNoise noise,
              ChangeX0 change, const std::vector<double>& ends);

    double sigma(int i) const { return stops_.sigmas[i]; }
    /// the noise level to which step i leads: sigma(i + 1), if nothing else was asked for
    double end(int i) const { return ends_.empty() ? stops_.sigmas[i + 1] : ends_[i]; }
    int steps() const { return stops_.steps(); }
    const SigmaTable& table() const { return table_; }
    /// the time of stop i; of the end of the last step 0
    double time(int i) const { return i < steps() ? stops_.timesteps[i] : 0; }

    /// D(y, sigma): the x0 that the network sees in y [N, C, H, W], at the time of a stop with this
    /// noise level or else at that of the table.
    Tensor operator()(const Tensor& y, double sigma);

    /// The same at the time of the table, also where a stop has this noise level: schedulers that
    /// round the times of their stops do not round those between.
    Tensor between(const Tensor& y, double sigma);

    /// The noise in y that this x0 implies: (y - x0) / sigma, k-diffusion's "d".
    static Tensor eps(const Tensor& y, const Tensor& x0, double sigma);

    /// Throws where the run has none.
    Tensor noise(const Tensor& like, double from, double to) const;

    /// The last prediction, before it was changed.
    const Tensor& unchanged() const { return unchanged_; }

    /// The first prediction since the last call of this function.
    Tensor take_first();

private:
    Tensor predicted_x0(const Tensor& y, double sigma, double time);

    const SigmaTable& table_;
    const ddpm::SigmaSchedule& stops_;
    ddpm::Parameterization parameterization_;
    const ddpm::Denoiser& model_;
    StepNoise noise_;
    ChangeX0 change_;
    const std::vector<double>& ends_;
    Tensor first_, unchanged_;
};

/// a x + b y, both factors rounded to float32 once.
Tensor combined(double a, const Tensor& x, double b, const Tensor& y);

/// x = y sqrt(ac) at this noise level, and back.
Tensor to_x(const Tensor& y, double sigma);
Tensor to_y(const Tensor& x, double sigma);

/// The y at another noise level that has the same x.
Tensor with_same_x(const Tensor& y, double from, double to);

}  // namespace ldm::samplers
