#include "chapters/08_ldm_pipeline/samplers.h"

#include "chapters/08_ldm_pipeline/ddim.h"

namespace ldm::pipeline {

const ddpm::SamplerList& samplers() {
    static const ddpm::SamplerList all = {ddim_sampler(), ddpm::ddpm_sampler()};
    return all;
}

}  // namespace ldm::pipeline
