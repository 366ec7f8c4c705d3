#include "chapters/10_samplers/plms.h"

#include <algorithm>

#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/10_samplers/linear_multistep.h"

namespace ldm::samplers {

std::unique_ptr<SigmaSampler> make_plms(const ddpm::Schedule& schedule, int S,
                                        const std::string& ddim_discretize) {
    using Solver = LinearMultistepSolver;
    return std::make_unique<SigmaSampler>(
        schedule,
        pipeline::DDIMSampler(schedule, {.S = S, .ddim_discretize = ddim_discretize}).stops(),
        makes<Solver>(
            {.variable = Solver::Variable::index, .start = Solver::Start::improved_euler}));
}

}  // namespace ldm::samplers
