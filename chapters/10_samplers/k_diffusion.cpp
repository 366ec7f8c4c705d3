#include "chapters/10_samplers/k_diffusion.h"

#include "chapters/10_samplers/dpm_multistep.h"
#include "chapters/10_samplers/dpm_singlestep.h"
#include "chapters/10_samplers/euler.h"
#include "chapters/10_samplers/linear_multistep.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/10_samplers/two_stage.h"

namespace ldm::samplers {
namespace {

/// DPM++ with the memory of so many steps.
SigmaSampler::MakeSolver dpmpp(int order, double eta, const KDiffusionOptions& k) {
    return makes<DpmMultistepSolver>({.order = order,
                                      .correction = order == 3 ? Correction::taylor : k.correction,
                                      .eta = eta,
                                      .s_noise = k.s_noise});
}

}  // namespace

bool is_stochastic(const std::string& name) {
    return name.ends_with("_ancestral") || name.ends_with("_sde");
}

//! [names]
SigmaSampler::MakeSolver k_diffusion_solver(const std::string& name, const KDiffusionOptions& k) {
    using Stage = TwoStageSolver::Stage;
    const Churn churn{.s_churn = k.s_churn};
    if (name == "euler") return makes<EulerSolver>({.churn = churn, .s_noise = k.s_noise});
    if (name == "euler_ancestral")
        return makes<EulerSolver>({.split = ancestral(k.eta), .s_noise = k.s_noise});
    if (name == "heun") return makes<TwoStageSolver>({.churn = churn, .s_noise = k.s_noise});
    if (name == "dpm_2")
        return makes<TwoStageSolver>(
            {.second = Stage::midpoint, .churn = churn, .s_noise = k.s_noise});
    if (name == "dpm_2_ancestral")
        return makes<TwoStageSolver>(
            {.second = Stage::midpoint, .split = ancestral(k.eta), .s_noise = k.s_noise});
    if (name == "lms") return makes<LinearMultistepSolver>({.order = k.order});
    if (name == "dpmpp_2s_ancestral")
        return [k] { return std::make_unique<AncestralDpmSolver>(k.eta, k.s_noise); };
    if (name == "dpmpp_sde")
        return [k] { return std::make_unique<SdeDpmSolver>(k.eta, k.s_noise); };
    if (name == "dpmpp_2m") return dpmpp(2, 0, k);
    if (name == "dpmpp_2m_sde") return dpmpp(2, k.eta, k);
    if (name == "dpmpp_3m_sde") return dpmpp(3, k.eta, k);
    throw Error("k-diffusion has no sampler '" + name + "'");
}
//! [names]

std::unique_ptr<SigmaSampler> make_dpm_fast(const ddpm::Schedule& schedule, int calls, double eta,
                                            double s_noise) {
    expect(calls >= 1, "DPM fast calls the network at least once");
    const SigmaTable table(schedule);
    const std::vector<int> orders = singlestep_orders(calls, 3);
    std::vector<double> sigmas =
        exponential_sigmas(table.largest(), table.smallest(), static_cast<int>(orders.size()) + 1);
    sigmas.pop_back();
    return std::make_unique<SigmaSampler>(
        schedule, grid_of(table, sigmas, table.smallest()),
        makes<DpmFastSolver>({.orders = orders, .eta = eta, .s_noise = s_noise}),
        SigmaSampler::Options{.initial_noise = table.largest()});
}

std::unique_ptr<SigmaSampler> make_dpm_adaptive(const ddpm::Schedule& schedule,
                                                const DpmAdaptiveSolver::Options& options) {
    const SigmaTable table(schedule);
    return std::make_unique<SigmaSampler>(
        schedule, grid_of(table, {table.largest()}, table.smallest()),
        makes<DpmAdaptiveSolver>(options), SigmaSampler::Options{.initial_noise = table.largest()});
}

}  // namespace ldm::samplers
