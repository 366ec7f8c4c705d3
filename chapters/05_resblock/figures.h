#pragma once

#include <vector>

#include "chapters/05_resblock/first_block.h"
#include "common/figures/canvas.h"

/// The figures of this chapter.

namespace ldm::resblock {

/// The `count` channels of x [1, C, H, W] with the largest values, the largest first.
std::vector<int> strongest_channels(const Tensor& x, int count);

/// The length of x as one long vector.
double length(const Tensor& x);

/// A row for each stage of the block, a column for each of `channels`.
figures::Canvas stages_figure(const FirstBlock::Pass& pass, const std::vector<int>& channels);

/// The time shift of each channel at each time: a row a channel, sorted by how much later times
/// raise it, a column a time. shifts [times, channels].
figures::Canvas time_shift_figure(const Tensor& shifts);

/// The same picture, the block conditioned on different times.
struct TimeComparison {
    /// the picture's true timestep
    int truth;
    FirstBlock::Pass at_truth;
    std::vector<int> times;
    std::vector<FirstBlock::Pass> at_times;
};
TimeComparison compare_times(const FirstBlock& block, const Tensor& features, int truth,
                             std::vector<int> times);

/// A row a channel: the residual at the true time, and how it differs at others.
figures::Canvas time_comparison_figure(const TimeComparison& comparison);

}  // namespace ldm::resblock
