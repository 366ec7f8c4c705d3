#pragma once

#include "chapters/08_ldm_pipeline/scheduler_settings.h"
#include "chapters/10_samplers/denoising.h"

namespace ldm::samplers {

using pipeline::SchedulerSettings;

/// What a scheduler does to each predicted x0: clamps it to ± clip_sample_range, or
/// thresholds it ("Imagen", Saharia et al., 2022): clamps each picture to ± the quantile
/// dynamic_thresholding_ratio of its |x0|, at most sample_max_value and at least 1, and divides by
/// that. Both are for pixels; for latents they are off.
ChangeX0 change_x0(const SchedulerSettings& settings);

/// x0 [N, C, H, W] by its own thresholds, each in [smallest, largest].
Tensor thresholded(const Tensor& x0, double ratio, double smallest, double largest);

}  // namespace ldm::samplers
