#include "chapters/10_samplers/samplers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>

#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/10_samplers/consistency.h"
#include "chapters/10_samplers/k_diffusion.h"
#include "chapters/10_samplers/linear_multistep.h"
#include "chapters/10_samplers/plms.h"
#include "chapters/10_samplers/scheduler.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/10_samplers/unipc.h"
#include "common/ops/transfer.h"
#include "common/random/brownian_tree.h"

namespace ldm::samplers {
namespace {

using ddpm::SamplerKind;
using ddpm::SamplerOptions;
using ddpm::Schedule;
using Made = std::unique_ptr<ddpm::Sampler>;

int steps_of(const std::string& name, const Schedule& schedule, const SamplerOptions& options,
             int usual = 20) {
    const int steps = options.steps.value_or(usual);
    if (steps < 1 || steps > schedule.timesteps())
        throw Error(fmt::format("the sampler {} makes 1 to {} steps, not {}", name,
                                schedule.timesteps(), steps));
    return steps;
}

void expect_no_eta(const std::string& name, const SamplerOptions& options) {
    if (options.eta)
        throw Error(fmt::format("the sampler {} adds no noise, so it has no eta", name));
}

/// How much noise a sampler adds that is made to add some.
double eta_of(const std::string& name, const SamplerOptions& options, double usual = 1) {
    const double eta = options.eta.value_or(static_cast<float>(usual));
    if (!(eta > 0 && eta <= 1))
        throw Error(fmt::format(
            "the sampler {} adds noise: its eta is above 0 and at most 1, not {:g} (for none take "
            "another sampler)",
            name, eta));
    return eta;
}

ddpm::SigmaSchedule grid(const std::string& usual, const SamplerOptions& options,
                         const SigmaTable& table, int steps) {
    return find_grid(options.schedule.empty() ? usual : options.schedule).make(table, steps);
}

/// The stops without the last but one: A1111 makes DPM2 and DPM2 a leave out the step in which they
/// would look between the two smallest noise levels.
ddpm::SigmaSchedule without_last_but_one(ddpm::SigmaSchedule stops) {
    stops.timesteps.pop_back();
    stops.sigmas.erase(stops.sigmas.end() - 2);
    return stops;
}

/// Whose noise is a Brownian motion.
bool follows_brownian_motion(const std::string& k_diffusion_name) {
    return k_diffusion_name.ends_with("_sde");
}

struct Names {
    std::string name, label, help;
    std::vector<std::string> aliases;
};

/// A sampler of k-diffusion. They begin with noise of the largest noise level, a little less than
/// the forward process would have.
SamplerKind from_k_diffusion(Names names, const std::string& function, const std::string& usual,
                             Correction correction = Correction::midpoint) {
    // with the other second-order term it is not the function as it is by itself
    if (names.name != function && correction == Correction::midpoint)
        names.aliases.push_back(function);
    const auto make = [=, name = names.name](const Schedule& schedule,
                                             const SamplerOptions& options) -> Made {
        KDiffusionOptions k{.correction = correction};
        if (is_stochastic(function))
            k.eta = eta_of(name, options);
        else
            expect_no_eta(name, options);
        const int steps = steps_of(name, schedule, options);
        const SigmaTable table(schedule);
        const bool skips = function.starts_with("dpm_2");
        ddpm::SigmaSchedule stops = grid(usual, options, table, skips ? steps + 1 : steps);
        if (skips) stops = without_last_but_one(std::move(stops));
        SigmaSampler::Options more{.initial_noise = stops.sigmas[0]};
        if (follows_brownian_motion(function) && !options.seeds.empty())
            more.step_noise = [seeds = options.seeds](const Shape& shape, double smallest,
                                                      double largest) {
                return brownian_noise(seeds, shape, smallest, largest);
            };
        return std::make_unique<SigmaSampler>(schedule, std::move(stops),
                                              k_diffusion_solver(function, k), std::move(more));
    };
    return {names.name, names.label, names.help, make, names.aliases, usual};
}

/// A solver of diffusers' that takes any schedule.
template <class SolverType>
SamplerKind from_solver(const Names& names, const std::string& usual,
                        const typename SolverType::Options& solver) {
    const auto make = [=, name = names.name](const Schedule& schedule,
                                             const SamplerOptions& options) -> Made {
        expect_no_eta(name, options);
        const SigmaTable table(schedule);
        ddpm::SigmaSchedule stops = grid(usual, options, table, steps_of(name, schedule, options));
        // a polynomial in log sigma cannot go on to 0
        if constexpr (std::is_same_v<SolverType, LinearMultistepSolver>)
            if (solver.variable == LinearMultistepSolver::Variable::log_sigma)
                stops.sigmas.back() = std::min(table.smallest(), stops.sigmas.end()[-2]);
        return std::make_unique<SigmaSampler>(schedule, std::move(stops),
                                              makes<SolverType>(solver));
    };
    return {names.name, names.label, names.help, make, names.aliases, usual};
}

SamplerKind plms() {
    const auto make = [](const Schedule& schedule, const SamplerOptions& options) -> Made {
        expect_no_eta("plms", options);
        ddpm::expect_own_schedule("plms", options);
        return make_plms(schedule, steps_of("plms", schedule, options));
    };
    return {"plms",
            "PLMS",
            "a fourth-order multistep method over DDIM's steps (Liu et al., 2022)",
            make,
            {"pndm", "PNDMScheduler"}};
}

/// How much noise a sampler adds that by itself adds none.
double eta_or_none(const std::string& name, const SamplerOptions& options) {
    const double eta = options.eta.value_or(0.0f);
    if (!(eta >= 0 && eta <= 1))
        throw Error(fmt::format("the sampler {} takes an eta of 0 to 1, not {:g}", name, eta));
    return eta;
}

Made dpm_fast(const Schedule& schedule, const SamplerOptions& options) {
    ddpm::expect_own_schedule("dpm_fast", options);
    return make_dpm_fast(schedule, steps_of("dpm_fast", schedule, options),
                         eta_or_none("dpm_fast", options));
}

Made dpm_adaptive(const Schedule& schedule, const SamplerOptions& options) {
    ddpm::expect_own_schedule("dpm_adaptive", options);
    if (options.steps)
        throw Error(
            "the sampler dpm_adaptive chooses its own steps: leave the number out, or take another "
            "sampler");
    return make_dpm_adaptive(schedule, {.eta = eta_or_none("dpm_adaptive", options)});
}

/// LCM's and TCD's steps are some of those that the model was distilled for.
SamplerKind consistency(const Names& names, bool trajectory) {
    const auto make = [=, name = names.name](const Schedule& schedule,
                                             const SamplerOptions& options) -> Made {
        ddpm::expect_own_schedule(name, options);
        if (!trajectory) expect_no_eta(name, options);
        return make_consistency_sampler(
            schedule, steps_of(name, schedule, options, 4),
            {.trajectory = trajectory,
             .gamma = options.eta.value_or(0.3f),
             .distilled = std::min(ConsistencyOptions().distilled, schedule.timesteps())});
    };
    return {names.name, names.label, names.help, make, names.aliases};
}

//! [samplers]
/// Those of k-diffusion, and so of A1111, ComfyUI and stable-diffusion.cpp.
ddpm::SamplerList k_diffusion_samplers() {
    return {
        from_k_diffusion({"dpm++2m",
                          "DPM++ 2M",
                          "second order, one call a step: good pictures in 20 steps",
                          {"DPMSolverMultistepScheduler"}},
                         "dpmpp_2m", "karras"),
        from_k_diffusion(
            {"dpm++2m_sde", "DPM++ 2M SDE", "the same for the stochastic equation", {}},
            "dpmpp_2m_sde", "exponential"),
        from_k_diffusion({"dpm++2m_sde_heun",
                          "DPM++ 2M SDE Heun",
                          "the same with the other second-order term",
                          {"dpmpp_2m_sde_heun"}},
                         "dpmpp_2m_sde", "exponential", Correction::taylor),
        from_k_diffusion({"dpm++3m_sde", "DPM++ 3M SDE", "third order, for 30 steps and more", {}},
                         "dpmpp_3m_sde", "exponential"),
        from_k_diffusion(
            {"dpm++2s_a", "DPM++ 2S a", "second order, two calls a step, noise after it", {}},
            "dpmpp_2s_ancestral", "karras"),
        from_k_diffusion({"dpm++sde", "DPM++ SDE", "two calls a step, noise in each", {}},
                         "dpmpp_sde", "karras"),
        from_k_diffusion({"euler",
                          "Euler",
                          "straight lines: DDIM along any schedule",
                          {"EulerDiscreteScheduler", "k_euler"}},
                         "euler", "discrete"),
        from_k_diffusion({"euler_a",
                          "Euler a",
                          "Euler with noise after each step",
                          {"EulerAncestralDiscreteScheduler", "k_euler_a"}},
                         "euler_ancestral", "discrete"),
        from_k_diffusion({"heun",
                          "Heun",
                          "second order, two calls a step (Karras et al., 2022)",
                          {"HeunDiscreteScheduler", "k_heun"}},
                         "heun", "discrete"),
        from_k_diffusion({"dpm2",
                          "DPM2",
                          "second order, the second call half way",
                          {"KDPM2DiscreteScheduler", "k_dpm_2"}},
                         "dpm_2", "karras"),
        from_k_diffusion({"dpm2_a",
                          "DPM2 a",
                          "DPM2 with noise after each step",
                          {"KDPM2AncestralDiscreteScheduler", "k_dpm_2_a"}},
                         "dpm_2_ancestral", "karras"),
        from_k_diffusion({"lms",
                          "LMS",
                          "fourth order from the last four calls",
                          {"LMSDiscreteScheduler", "k_lms"}},
                         "lms", "discrete")};
}

/// Those of CompVis and diffusers, and those that choose their own steps.
ddpm::SamplerList other_samplers() {
    using Linear = LinearMultistepSolver;
    return {
        {"dpm_fast", "DPM fast", "DPM-Solver, up to three calls a step; steps are calls", dpm_fast},
        {"dpm_adaptive", "DPM adaptive", "DPM-Solver that chooses its own steps", dpm_adaptive},
        from_solver<UniPcSolver>({"unipc",
                                  "UniPC",
                                  "each call also corrects the step before",
                                  {"uni_pc", "UniPCMultistepScheduler"}},
                                 "sgm_uniform", {}),
        from_solver<Linear>(
            {"deis", "DEIS", "a polynomial in log sigma, second order", {"DEISMultistepScheduler"}},
            "sgm_uniform",
            {.variable = Linear::Variable::log_sigma, .order = 2, .lower_order_final = true}),
        pipeline::ddim_sampler(),
        plms(),
        ddpm::ddpm_sampler(),
        consistency(
            {"lcm", "LCM", "for models and LoRAs of that kind: 1 to 8 steps", {"LCMScheduler"}},
            false),
        consistency({"tcd",
                     "TCD",
                     "for models and LoRAs of that kind; --eta is its gamma",
                     {"TCDScheduler"}},
                    true)};
}
//! [samplers]

}  // namespace

StepNoise brownian_noise(const std::vector<std::uint64_t>& seeds, const Shape& shape,
                         double smallest, double largest) {
    const auto each = static_cast<std::size_t>(element_count(shape)) / seeds.size();
    // noise levels are float32 in k-diffusion, and the motion depends on their last digits
    const auto level = [](double sigma) { return static_cast<double>(static_cast<float>(sigma)); };
    auto trees = std::make_shared<std::vector<random::BrownianTree>>();
    for (const std::uint64_t seed : seeds)
        trees->emplace_back(level(smallest), level(largest), each, seed);
    return [trees, each, level](const Shape& wanted, double from, double to) {
        const double low = level(std::min(from, to)), high = level(std::max(from, to));
        // the motion goes up in sigma, the sampler down
        const auto factor = static_cast<float>((from > to ? -1 : 1) / std::sqrt(high - low));
        Tensor noise(wanted);
        for (std::size_t n = 0; n < trees->size(); ++n) {
            const std::vector<float> w = (*trees)[n].increment(low, high);
            std::ranges::transform(w, noise.values().begin() + n * each,
                                   [factor](float value) { return value * factor; });
        }
        return noise;
    };
}

const ddpm::SamplerList& samplers() {
    static const ddpm::SamplerList all = [] {
        ddpm::SamplerList list = k_diffusion_samplers();
        std::ranges::move(other_samplers(), std::back_inserter(list));
        return list;
    }();
    return all;
}

}  // namespace ldm::samplers
