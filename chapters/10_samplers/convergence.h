#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chapters/10_samplers/normal_mixture.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// How the noise levels of a measurement lie between 10 and 0.1.
enum class Spacing {
    /// log sigma falls as the square of the share of steps: smoothly, and the first steps are so
    /// short that it does not count of which order they are
    small_first,
    /// in equal steps of log sigma
    even,
    /// in equal steps of sigma
    even_in_sigma
};
std::vector<double> measured_grid(Spacing spacing, int steps);

/// A solver without noise, and of which order it should be: with half the step its error is
/// 2^order times smaller.
struct MeasuredSolver {
    std::string name;
    /// of the network, for one step
    int calls;
    double order;
    /// for these noise levels, the end among them
    std::function<std::unique_ptr<Solver>(const std::vector<double>& sigmas)> make;
    /// where it shows its order
    Spacing spacing = Spacing::small_first;
};

/// All that have an order to measure.
const std::vector<MeasuredSolver>& measured_solvers();

/// The one of that name.
const MeasuredSolver& measured_solver(const std::string& name);

struct Errors {
    std::vector<int> calls;
    /// root mean square against the solution of the differential equation
    std::vector<double> errors;

    /// minus the slope of log error against log calls, by least squares over the four finest grids
    /// above what float32 rounds away
    double order() const;
};

/// Of one run after another with more and more steps, up to 256.
Errors measure(const MeasuredSolver& solver, const NormalMixture& data);
Errors measure(const MeasuredSolver& solver, const NormalMixture& data, Spacing spacing);

/// One normal distribution, and three that overlap.
const NormalMixture& normal_data();
const NormalMixture& mixture_data();

/// The same for a stochastic solver of k-diffusion that follows one Brownian motion (per number of
/// the picture) with fewer and fewer steps: against itself with very many ("strong" convergence).
Errors measure_strong(const std::string& k_diffusion_name, const NormalMixture& data);

}  // namespace ldm::samplers
