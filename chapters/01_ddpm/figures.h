#pragma once

#include <span>
#include <vector>

#include "chapters/01_ddpm/ideal_denoiser.h"
#include "common/figures/sheet.h"

/// The figures of this chapter.

namespace ldm::ddpm {

/// The picture x0 [1, 3, H, W] and the same after more and more steps of noise: one tile for itself
/// and one for each time.
std::vector<figures::Tile> forward_process_strip(const Schedule& s, const Tensor& x0,
                                                 const Tensor& noise, std::span<const int> times);

/// A way back from noise: what there was at each of the `times` (highest first, from where it
/// starts), and the predicted x0 there.
struct Trajectory {
    std::vector<figures::Tile> x_t, pred_x0;
    /// of all pictures, at the same times
    std::vector<Tensor> weights;
};

/// Ancestral steps from x [1, 3, H, W] at time `times[0]` down to the end.
Trajectory sample_trajectory(const Schedule& s, const IdealDenoiser& denoiser, Tensor x,
                             std::span<const int> times, const Noise& noise);

/// Signal, sqrt(alphas_cumprod), and noise of each step, beta, of every kind of schedule.
figures::Canvas schedules_figure();

}  // namespace ldm::ddpm
