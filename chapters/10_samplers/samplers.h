#pragma once

#include <string>

#include "chapters/01_ddpm/sampler.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// Every sampler, by the names of A1111, stable-diffusion.cpp and diffusers, those of the chapters
/// before among them. `schedule` of the options names one of grids().
///
/// Each throws an Error for what it cannot do: fewer steps than 1 or more than the model was
/// trained with, an unknown schedule or one where it has its own, an eta where it adds no noise,
/// eta 0 where it is made to add some.
const ddpm::SamplerList& samplers();

/// The noise of Brownian motions, one for each picture of a batch, by their seeds: what stochastic
/// samplers draw in k-diffusion (BrownianTreeNoiseSampler) and A1111. For a tensor [N, C, H, W] of
/// `shape`, between these two noise levels.
StepNoise brownian_noise(const std::vector<std::uint64_t>& seeds, const Shape& shape,
                         double smallest, double largest);

}  // namespace ldm::samplers
