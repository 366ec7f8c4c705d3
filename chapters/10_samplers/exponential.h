#pragma once

#include <span>

#include "chapters/10_samplers/denoising.h"

namespace ldm::samplers {

/// What the solvers of the DPM-Solver family take for a polynomial in lambda = -log sigma, and
/// integrate exactly but for that (Lu et al., 2022: DPM-Solver, DPM-Solver++).
enum class Form {
    /// the noise: dy = eps dsigma (DPM-Solver, "dpmsolver")
    noise,
    /// the picture: d(y / sigma) = D d(1 / sigma) (DPM-Solver++, "dpmsolver++")
    data
};

/// How the second-order term is weighted; both are of second order.
enum class Correction {
    /// as at the middle of the step: upstream's "dpm_solver", diffusers' and k-diffusion's
    /// "midpoint"
    midpoint,
    /// the integral of the polynomial itself: "taylor" and "heun"
    taylor
};

/// The weights of a step over h = lambda' - lambda, from the integrals of exp against 1, u, u^2:
///
///     y' = keep y + first m + second D1 + third D2
///
/// where m is the prediction (of the form) where the polynomial is expanded, D1 its slope and D2
/// its curvature, per h and h^2.
struct StepWeights {
    double keep, first, second, third;
};

/// From noise level `from` to `to`, which may be 0 in the form data (and then is the prediction
/// itself). eta above 0 solves the stochastic equation with that share of its noise: the
/// deterministic part is that of a step of (1 + eta) h.
StepWeights step_weights(Form form, Correction correction, double from, double to, double eta = 0);

/// The noise that the stochastic equation adds in the step: its standard deviation in y.
double step_noise(Form form, double from, double to, double eta);

/// What the form works with: x0 itself, or the noise that it implies in y.
Tensor predicted(Form form, const Tensor& y, const Tensor& x0, double sigma);

/// -log sigma.
double lambda_of(double sigma);

}  // namespace ldm::samplers
