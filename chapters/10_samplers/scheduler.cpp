#include "chapters/10_samplers/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/10_samplers/change_x0.h"
#include "chapters/10_samplers/consistency.h"
#include "chapters/10_samplers/dpm_multistep.h"
#include "chapters/10_samplers/dpm_singlestep.h"
#include "chapters/10_samplers/euler.h"
#include "chapters/10_samplers/linear_multistep.h"
#include "chapters/10_samplers/scheduler_stops.h"
#include "chapters/10_samplers/two_stage.h"
#include "chapters/10_samplers/unipc.h"

namespace ldm::samplers {
namespace {

using ddpm::SigmaSchedule;

/// Everything that the classes need to make their sampler.
class Maker {
public:
    Maker(const SchedulerSettings& settings, int steps, std::optional<double> eta)
        : settings_(settings),
          schedule_(settings.schedule()),
          table_(schedule_),
          steps_(steps),
          eta_(eta) {}

    std::unique_ptr<SigmaSampler> make();

private:
    using Made = std::unique_ptr<SigmaSampler>;
    Made ddim();
    Made ddpm();
    Made pndm();
    Made k_diffusion(SigmaSampler::MakeSolver make_solver);
    Made dpm_multistep();
    Made dpm_singlestep();
    Made unipc();
    Made deis();
    Made consistency(bool trajectory);

    Made sampler(SigmaSchedule stops, SigmaSampler::MakeSolver make_solver,
                 SigmaSampler::Options options = {}) {
        options.change_x0 = change_x0(settings_);
        return std::make_unique<SigmaSampler>(schedule_, std::move(stops), std::move(make_solver),
                                              std::move(options));
    }
    /// 1, 2 or 3
    int order() const {
        const auto order = settings_.get<int>("solver_order");
        if (order < 1 || order > 3)
            throw Error(fmt::format("'solver_order' is {}, expected 1, 2 or 3", order));
        return order;
    }
    /// The noise level where DDIM's and PNDM's last step ends.
    double last_sigma() const {
        return settings_.asks_for("set_alpha_to_one") ? 0 : table_.smallest();
    }
    /// Where each step ends: T / steps time steps down.
    std::vector<double> ends(const SigmaSchedule& stops) const;

    const SchedulerSettings& settings_;
    ddpm::Schedule schedule_;
    SigmaTable table_;
    int steps_;
    std::optional<double> eta_;
};

std::vector<double> Maker::ends(const SigmaSchedule& stops) const {
    std::vector<double> ends;
    // whole time steps
    const int down = table_.timesteps() / steps_;
    for (const float time : stops.timesteps) {
        const double next = time - static_cast<float>(down);
        ends.push_back(next >= 0 ? table_.sigma(next) : last_sigma());
    }
    return ends;
}

Maker::Made Maker::ddim() {
    SigmaSchedule stops = stops_at(table_, spaced_times(settings_, steps_, true), last_sigma());
    return sampler(
        stops,
        makes<EulerSolver>({.split = ancestral(eta_.value_or(0)), .direction_as_predicted = true}),
        {.ends = ends(stops)});
}

Maker::Made Maker::ddpm() {
    SigmaSchedule stops = stops_at(table_, spaced_times(settings_, steps_, true), 0);
    const SplitStep split = settings_.is("variance_type", "fixed_large")
                                ? ancestral_with_large_variance(stops.timesteps.back() > 0)
                                : ancestral(1);
    return sampler(stops, makes<EulerSolver>({.split = split}));
}

Maker::Made Maker::pndm() {
    SigmaSchedule stops = stops_at(table_, spaced_times(settings_, steps_, true), last_sigma());
    const bool skips = settings_.get<bool>("skip_prk_steps");
    if (!skips && steps_ < 4)
        throw Error(fmt::format("PNDM begins with 3 steps of Runge and Kutta: {} steps are too few",
                                steps_));
    using Solver = LinearMultistepSolver;
    return sampler(
        stops,
        makes<Solver>({.variable = Solver::Variable::index,
                       .start = skips ? Solver::Start::improved_euler : Solver::Start::runge_kutta,
                       .always_twice = false,
                       .of_v = settings_.is("prediction_type", "v_prediction")}),
        {.ends = ends(stops)});
}

/// y begins with the largest noise level, or with leading spacing a little above it.
Maker::Made Maker::k_diffusion(SigmaSampler::MakeSolver make_solver) {
    SigmaSchedule stops = k_diffusion_stops(settings_, table_, steps_);
    const double largest = stops.sigmas.front();
    const bool leading = settings_.is("timestep_spacing", "leading");
    return sampler(std::move(stops), std::move(make_solver),
                   {.initial_noise = leading ? 0 : largest});
}

Form form_of(const std::string& algorithm) {
    if (algorithm == "dpmsolver++" || algorithm == "sde-dpmsolver++") return Form::data;
    if (algorithm == "dpmsolver" || algorithm == "sde-dpmsolver") return Form::noise;
    throw Error(
        fmt::format("'algorithm_type' is '{}', expected dpmsolver++, dpmsolver, sde-dpmsolver++ or "
                    "sde-dpmsolver",
                    algorithm));
}

Correction correction_of(const std::string& solver_type) {
    if (solver_type == "midpoint") return Correction::midpoint;
    if (solver_type == "heun") return Correction::taylor;
    throw Error(fmt::format("'solver_type' is '{}', expected midpoint or heun", solver_type));
}

Maker::Made Maker::dpm_multistep() {
    const auto algorithm = settings_.get<std::string>("algorithm_type");
    const Form form = form_of(algorithm);
    if (form == Form::noise && settings_.is("final_sigmas_type", "zero"))
        throw Error(fmt::format(
            "'{}' cannot end at noise level 0: it needs 'final_sigmas_type' 'sigma_min'",
            algorithm));
    const bool stochastic = algorithm.starts_with("sde-");
    if (stochastic && form == Form::noise && order() == 3)
        throw Error("'sde-dpmsolver' has the orders 1 and 2");
    return sampler(solver_stops(settings_, table_, steps_),
                   makes<DpmMultistepSolver>(
                       {.form = form,
                        .order = order(),
                        .correction = correction_of(settings_.get<std::string>("solver_type")),
                        .eta = stochastic ? 1.0 : 0.0,
                        .lower_order_final = settings_.get<bool>("lower_order_final"),
                        .euler_at_final = settings_.get<bool>("euler_at_final"),
                        .as_diffusers_third_order_sde = true}));
}

/// 1 where a group of calls begins, 2 and 3 within it.
std::vector<int> orders_of(int steps, int order, bool lower_order_final, bool to_zero) {
    std::vector<int> orders;
    for (int i = 0; i < steps; ++i) orders.push_back(i % order + 1);
    if (lower_order_final && order > 1) {
        if (order == 3 && steps % 3 == 0 && steps >= 3) orders[steps - 1] = 1;
        if (order == 2 && steps % 2 == 0) orders[steps - 1] = 1;
    }
    if (to_zero) orders.back() = 1;
    return orders;
}

Maker::Made Maker::dpm_singlestep() {
    const auto algorithm = settings_.get<std::string>("algorithm_type");
    const Form form = form_of(algorithm);
    const bool stochastic = algorithm.starts_with("sde-");
    if (stochastic && form == Form::noise)
        throw Error("'sde-dpmsolver' is not one of DPMSolverSinglestepScheduler's");
    const bool to_zero = settings_.is("final_sigmas_type", "zero");
    // upstream turns it on by itself where it is needed
    const bool lower = settings_.get<bool>("lower_order_final") || to_zero || steps_ % order() != 0;
    if (form == Form::noise && to_zero)
        throw Error(
            "'dpmsolver' cannot end at noise level 0: it needs 'final_sigmas_type' "
            "'sigma_min'");
    return sampler(solver_stops(settings_, table_, steps_),
                   makes<DpmStagesSolver>(
                       {.form = form,
                        .correction = correction_of(settings_.get<std::string>("solver_type")),
                        .orders = orders_of(steps_, order(), lower, to_zero),
                        .eta = stochastic ? 1.0 : 0.0,
                        .as_diffusers_third_order_sde = true}));
}

Maker::Made Maker::unipc() {
    const bool data = settings_.get<bool>("predict_x0"),
               to_zero = settings_.is("final_sigmas_type", "zero");
    const bool lower = settings_.get<bool>("lower_order_final");
    if (to_zero && (!data || !lower))
        throw Error(
            "UniPC ends at noise level 0 only with 'predict_x0' and 'lower_order_final'; else it "
            "needs 'final_sigmas_type' 'sigma_min'");
    const auto type = settings_.get<std::string>("solver_type");
    // upstream replaces the others' names, too
    const bool first = type == "bh1";
    return sampler(solver_stops(settings_, table_, steps_),
                   makes<UniPcSolver>({.form = data ? Form::data : Form::noise,
                                       .order = order(),
                                       .b = first ? UniPcSolver::B::bh1 : UniPcSolver::B::bh2,
                                       .lower_order_final = lower,
                                       .disable_corrector =
                                           settings_.get<std::vector<int>>("disable_corrector")}));
}

Maker::Made Maker::deis() {
    SigmaSchedule stops = solver_stops(settings_, table_, steps_);
    // with Karras and so on its last step ends where it began
    if (settings_.asks_for("use_karras_sigmas") || settings_.asks_for("use_exponential_sigmas") ||
        settings_.asks_for("use_beta_sigmas"))
        stops.sigmas.back() = stops.sigmas[steps_ - 1];
    return sampler(std::move(stops),
                   makes<LinearMultistepSolver>(
                       {.variable = LinearMultistepSolver::Variable::log_sigma,
                        .order = order(),
                        .lower_order_final = settings_.get<bool>("lower_order_final")}));
}

Maker::Made Maker::consistency(bool trajectory) {
    return make_consistency_sampler(schedule_, steps_,
                                    {.trajectory = trajectory,
                                     .gamma = eta_.value_or(0.3),
                                     .distilled = settings_.get<int>("original_inference_steps"),
                                     .timestep_scaling = settings_.get<double>("timestep_scaling"),
                                     .change_x0 = change_x0(settings_)});
}

Maker::Made Maker::make() {
    const std::string& name = settings_.class_name();
    const int T = table_.timesteps();
    if (steps_ < 1 || steps_ > T)
        throw Error(fmt::format("{}: {} steps, expected 1 to {}", name, steps_, T));
    if (eta_ && name != "DDIMScheduler" && name != "TCDScheduler")
        throw Error(fmt::format("{} has no eta", name));
    using Stage = TwoStageSolver::Stage;
    if (name == "DDIMScheduler") return ddim();
    if (name == "DDPMScheduler") return ddpm();
    if (name == "PNDMScheduler") return pndm();
    if (name == "LMSDiscreteScheduler") return k_diffusion(makes<LinearMultistepSolver>({}));
    if (name == "EulerDiscreteScheduler") return k_diffusion(makes<EulerSolver>({}));
    if (name == "EulerAncestralDiscreteScheduler")
        return k_diffusion(makes<EulerSolver>({.split = ancestral(1)}));
    if (name == "HeunDiscreteScheduler") return k_diffusion(makes<TwoStageSolver>({}));
    if (name == "KDPM2DiscreteScheduler")
        return k_diffusion(makes<TwoStageSolver>({.second = Stage::midpoint}));
    if (name == "KDPM2AncestralDiscreteScheduler")
        return k_diffusion(
            makes<TwoStageSolver>({.second = Stage::midpoint, .split = ancestral(1)}));
    if (name == "DPMSolverMultistepScheduler") return dpm_multistep();
    if (name == "DPMSolverSinglestepScheduler") return dpm_singlestep();
    if (name == "UniPCMultistepScheduler") return unipc();
    if (name == "DEISMultistepScheduler") return deis();
    return consistency(name == "TCDScheduler");
}

}  // namespace

std::unique_ptr<SigmaSampler> make_scheduler(const SchedulerSettings& settings, int steps,
                                             std::optional<double> eta) {
    return Maker(settings, steps, eta).make();
}

}  // namespace ldm::samplers
