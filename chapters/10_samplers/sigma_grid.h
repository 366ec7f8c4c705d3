#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chapters/01_ddpm/sigma_schedule.h"
#include "chapters/10_samplers/sigma_table.h"

namespace ldm::samplers {

/// `steps` noise levels from `largest` to `smallest`, both among them.
/// Karras et al. (2022), equation 5: evenly in sigma^(1 / rho).
std::vector<double> karras_sigmas(double largest, double smallest, int steps, double rho = 7);
/// log sigma falls as the power rho of the share of steps that are left; 1: evenly in log sigma.
std::vector<double> exponential_sigmas(double largest, double smallest, int steps, double rho = 1);
/// At the quantiles of the beta distribution with both parameters 0.6 (diffusers').
std::vector<double> beta_sigmas(double largest, double smallest, int steps);

/// At which noise levels a sampler stops: all of these begin at the table's largest (or near it),
/// have `steps` stops and then end at 0.

/// Times from T - 1 to 0, evenly (k-diffusion's get_sigmas; A1111's "Automatic").
ddpm::SigmaSchedule discrete_grid(const SigmaTable& table, int steps);

/// Karras et al. (2022), equation 5: evenly in sigma^(1 / rho).
ddpm::SigmaSchedule karras_grid(const SigmaTable& table, int steps, double rho = 7);

/// Evenly in log sigma.
ddpm::SigmaSchedule exponential_grid(const SigmaTable& table, int steps);

/// log sigma falls as the power rho of the share of steps that are left.
ddpm::SigmaSchedule polyexponential_grid(const SigmaTable& table, int steps, double rho = 1);

/// ComfyUI's and A1111's "SGM Uniform": times from T - 1 down, evenly, and the last step is as long
/// as the others.
ddpm::SigmaSchedule sgm_uniform_grid(const SigmaTable& table, int steps);

/// ComfyUI's "simple": every (T / steps)-th noise level of the table.
ddpm::SigmaSchedule simple_grid(const SigmaTable& table, int steps);

/// ComfyUI's "beta" (Lee et al., 2024): times at the quantiles of the beta distribution with both
/// parameters 0.6, so more of them at both ends.
ddpm::SigmaSchedule beta_grid(const SigmaTable& table, int steps, double alpha = 0.6,
                              double beta = 0.6);

/// "Align your steps" (Sabour et al., 2024): the noise levels that the paper found best for SD 1.5
/// in 10 steps, and between them linearly in log sigma for other numbers.
ddpm::SigmaSchedule align_your_steps_grid(const SigmaTable& table, int steps);

/// DDIM's in CompVis's code, but exactly `steps` of them, ending at the table's smallest noise
/// level instead of 0.
ddpm::SigmaSchedule ddim_grid(const SigmaTable& table, int steps);

/// A grid as the command knows it.
struct GridKind {
    /// for --schedule
    std::string name;
    /// as A1111 writes it
    std::string label;
    std::string help;
    std::function<ddpm::SigmaSchedule(const SigmaTable& table, int steps)> make;
};

/// All of the above.
const std::vector<GridKind>& grids();

/// The grid of that name; an Error that names the nearest when there is none.
const GridKind& find_grid(const std::string& name);

/// These noise levels, falling, then `last`; their times are the table's.
ddpm::SigmaSchedule grid_of(const SigmaTable& table, const std::vector<double>& sigmas,
                            double last = 0);

}  // namespace ldm::samplers
