#pragma once

#include <memory>
#include <string>

#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// PLMS (Liu et al., 2022) as CompVis's code has it: DDIM's stops, and a linear multistep method
/// over them as if they were equally far apart. `ddim_discretize`: even, uniform or quad, see
/// make_ddim_timesteps. Upstream: ldm/models/diffusion/plms.py.
std::unique_ptr<SigmaSampler> make_plms(const ddpm::Schedule& schedule, int S,
                                        const std::string& ddim_discretize = "even");

}  // namespace ldm::samplers
