#pragma once

#include <memory>
#include <string>

#include "chapters/10_samplers/exponential.h"
#include "chapters/10_samplers/sigma_sampler.h"
#include "common/io/json.h"

namespace ldm::samplers {

/// The arguments of DPM_Solver.sample in CompVis's stable-diffusion,
/// ldm/models/diffusion/dpm_solver/dpm_solver.py.
struct DpmSolverOptions {
    enum class Method { multistep, singlestep, singlestep_fixed, adaptive };
    enum class Skip { time_uniform, time_quadratic, logSNR };
    bool predict_x0 = true;
    Method method = Method::multistep;
    /// 1, 2 or 3
    int order = 2;
    /// calls of the network; adaptive finds its own number
    int steps = 20;
    Skip skip_type = Skip::time_uniform;
    /// dpm_solver or taylor
    Correction solver_type = Correction::midpoint;
    /// each picture clamped to the 0.995 quantile of its |x0|, or to max_val if that is larger
    bool thresholding = false;
    double max_val = 1;
    /// one more call, at the smallest noise level
    bool denoise_to_zero = false;
    bool lower_order_final = true;
};

/// From upstream's keys, "out" aside. Throws an Error that names an unknown key or value.
DpmSolverOptions dpm_solver_options(const io::Json& json);

/// CompVis's DPM-Solver: its noise schedule in continuous time (log alpha linear between time
/// steps), its grids, from the largest noise level to the smallest. Throws for orders and numbers
/// of steps that do not go together, and for singlestep on another grid than logSNR (upstream
/// crashes).
std::unique_ptr<SigmaSampler> make_dpm_solver(const ddpm::Schedule& schedule,
                                              const DpmSolverOptions& options);

}  // namespace ldm::samplers
