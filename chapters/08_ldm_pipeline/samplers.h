#pragma once

#include "chapters/01_ddpm/sampler.h"

namespace ldm::pipeline {

/// Every sampler there is so far: DDIM and the ancestral one of DDPM. The command, its help, the
/// parameters in a PNG and the trainers read this list.
const ddpm::SamplerList& samplers();

}  // namespace ldm::pipeline
