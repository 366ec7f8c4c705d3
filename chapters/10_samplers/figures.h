#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/10_samplers/convergence.h"
#include "common/figures/canvas.h"

namespace ldm::samplers {

/// A solver and what was measured of it.
struct Measured {
    const MeasuredSolver& solver;
    Errors errors;
};

/// Error against calls of the network, both logarithmic: solvers with one call a step above, with
/// more below.
figures::Canvas convergence_figure(const std::vector<Measured>& measured);

/// One picture for each sampler and number of calls.
struct SamplersFigure {
    std::string prompt;
    std::uint64_t seed;
};

/// How many steps they make together.
int samplers_figure_steps();

/// Draws them all; `on_step` is called after each step.
figures::Canvas samplers_figure(const pipeline::LatentDiffusion& model,
                                const SamplersFigure& figure, const std::function<void()>& on_step);

}  // namespace ldm::samplers
