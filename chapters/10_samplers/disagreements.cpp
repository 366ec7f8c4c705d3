#include "chapters/10_samplers/disagreements.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/10_samplers/convergence.h"
#include "chapters/10_samplers/dpm_multistep.h"
#include "chapters/10_samplers/euler.h"
#include "chapters/10_samplers/k_diffusion.h"
#include "chapters/10_samplers/plms.h"
#include "chapters/10_samplers/samplers.h"
#include "chapters/10_samplers/scheduler.h"
#include "chapters/10_samplers/scheduler_stops.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/10_samplers/unipc.h"
#include "common/ops/elementwise.h"
#include "common/random/torch_random.h"

namespace ldm::samplers {
namespace {

using ddpm::SigmaSchedule;
using io::Json;
using Way = Disagreement::Way;
using Made = std::unique_ptr<ddpm::Sampler>;

constexpr int usual_steps = 20;

const ddpm::Schedule& schedule() {
    static const ddpm::Schedule stable_diffusion({.linear_start = 0.00085, .linear_end = 0.012});
    return stable_diffusion;
}

const SigmaTable& table() {
    static const SigmaTable of_stable_diffusion(schedule());
    return of_stable_diffusion;
}

/// A scheduler_config.json of diffusers for Stable Diffusion.
SchedulerSettings settings(const std::string& class_name, const Json& more) {
    Json json = {{"_class_name", class_name}, {"beta_schedule", "scaled_linear"},
                 {"beta_start", 0.00085},     {"beta_end", 0.012},
                 {"clip_sample", false},      {"set_alpha_to_one", false},
                 {"steps_offset", 1}};
    json.update(more);
    return SchedulerSettings(json);
}

Made diffusers(const std::string& class_name, const Json& more, int steps = usual_steps) {
    return make_scheduler(settings(class_name, more), steps);
}

Made sampler(SigmaSchedule stops, SigmaSampler::MakeSolver make,
             SigmaSampler::Options options = {}) {
    return std::make_unique<SigmaSampler>(schedule(), std::move(stops), std::move(make),
                                          std::move(options));
}

Tensor noise(const Shape& shape, std::uint64_t seed) {
    Tensor z(shape);
    random::TorchGenerator(seed).normal(z.values());
    return z;
}

/// What the network is called for, counted.
struct Result {
    Tensor x;
    int calls;
};

Result run(const ddpm::Sampler& sampler) {
    int calls = 0;
    const ddpm::Denoiser best = mixture_data().denoiser(table());
    const ddpm::Denoiser counted = [&](const Tensor& x, const Tensor& t) {
        ++calls;
        return best(x, t);
    };
    std::uint64_t seed = 1;
    const Tensor x = static_cast<float>(sampler.initial_noise()) * noise({1, 1, 16, 16}, 0);
    const Tensor end =
        sampler.sample(counted, x, [&](const Shape& shape) { return noise(shape, seed++); });
    return {end, calls};
}

double relative_difference(const Tensor& a, const Tensor& b) {
    double sum = 0, total = 0;
    for (std::int64_t i = 0; i < a.size(); ++i) {
        sum += std::pow(static_cast<double>(a.data()[i]) - b.data()[i], 2);
        total += std::pow(b.data()[i], 2);
    }
    return std::sqrt(sum / total);
}

Disagreement compared(std::string what, Way one, const Made& a, Way other, const Made& b) {
    return {std::move(what), std::move(one), std::move(other),
            relative_difference(run(*a).x, run(*b).x)};
}

double sigma(const Made& made, int stop) { return made->stops().sigmas[stop]; }
double last_stop(const Made& made) { return sigma(made, made->steps() - 1); }
double end(const Made& made) { return sigma(made, made->steps()); }

/// The noise levels of a grid, those at its ends.
std::string levels(const Made& made) {
    return fmt::format("σ = {:.2f}, {:.2f}, … {:.3f}, {:.2g}", sigma(made, 0), sigma(made, 1),
                       last_stop(made), end(made));
}

std::string times(const Made& made) {
    const auto& t = made->stops().timesteps;
    return fmt::format("t = {:g}, {:g}, … {:g}", t[0], t[1], t.back());
}

Disagreement first_noise() {
    const SigmaSchedule stops = discrete_grid(table(), usual_steps);
    const double first = stops.sigmas[0];
    return compared(
        "the first noise is multiplied by",
        {"k-diffusion, A1111; diffusers' Euler and Heun", fmt::format("σ = {:.3f}", first)},
        sampler(stops, makes<EulerSolver>({}), {.initial_noise = first}),
        {"CompVis; diffusers' DDIM, DPM-Solver, UniPC",
         fmt::format("√(σ² + 1) = {:.3f}", std::hypot(first, 1))},
        sampler(stops, makes<EulerSolver>({})));
}

Disagreement spacing(const std::string& name, const std::string& who) {
    const Made one = diffusers("EulerDiscreteScheduler", {{"timestep_spacing", name}}),
               other = diffusers("EulerDiscreteScheduler", {{"timestep_spacing", "linspace"}});
    return compared("the times of Euler's stops", {who, name + ": " + times(one)}, one,
                    {"k-diffusion, A1111; diffusers' Euler by itself", "linspace: " + times(other)},
                    other);
}

Disagreement last_step() {
    const Made one = diffusers("DPMSolverMultistepScheduler", {{"final_sigmas_type", "sigma_min"}}),
               other = diffusers("DPMSolverMultistepScheduler", {{"final_sigmas_type", "zero"}});
    return compared("where DPM++ 2M ends",
                    {"CompVis; diffusers with \"sigma_min\"", fmt::format("σ = {:.4f}", end(one))},
                    one, {"k-diffusion, A1111; diffusers by itself", "σ = 0"}, other);
}

Disagreement ddim_end_of_step() {
    const SchedulerSettings linspace =
        settings("DDIMScheduler", {{"timestep_spacing", "linspace"}});
    const Made one = make_scheduler(linspace, usual_steps),
               other = sampler(
                   stops_at(table(), spaced_times(linspace, usual_steps, true), table().smallest()),
                   makes<EulerSolver>({}));
    return compared("where a step of DDIM ends, \"linspace\"",
                    {"diffusers", "T / K = 50 lower: from t = 999 to 949"}, one,
                    {"CompVis", fmt::format("at the next stop: from t = 999 to {:g}",
                                            other->stops().timesteps[1])},
                    other);
}

Disagreement karras_times() {
    const Json karras = {{"use_karras_sigmas", true}};
    const Made one = diffusers("DPMSolverMultistepScheduler", karras),
               other = sampler(karras_grid(table(), usual_steps), makes<DpmMultistepSolver>({}));
    return compared(
        "the times of Karras' noise levels, DPM++ 2M",
        {"diffusers' DPM-Solver, UniPC", "rounded: " + times(one)}, one,
        {"k-diffusion, A1111",
         fmt::format("as they are: t = {:g}, {:.2f}, … {:g}", other->stops().timesteps[0],
                     other->stops().timesteps[1], other->stops().timesteps.back())},
        other);
}

Disagreement karras_ends() {
    const Made one = diffusers("EulerDiscreteScheduler",
                               {{"use_karras_sigmas", true}, {"timestep_spacing", "leading"}}),
               other = sampler(karras_grid(table(), usual_steps), makes<EulerSolver>({}),
                               {.initial_noise = table().largest()});
    return compared("between which noise levels Karras' are",
                    {"diffusers' Euler, Heun: of the spaced stops", levels(one)}, one,
                    {"A1111; diffusers' DPM-Solver: of the table", levels(other)}, other);
}

Disagreement lower_order_final() {
    const Json min = {{"final_sigmas_type", "sigma_min"}};
    Json low = min;
    low["lower_order_final"] = false;
    return compared("the last step's order, DPM++ 2M in 10 steps",
                    {"CompVis, diffusers, below 15 steps", "1 (\"lower_order_final\")"},
                    diffusers("DPMSolverMultistepScheduler", min, 10),
                    {"k-diffusion; diffusers if told so", "2"},
                    diffusers("DPMSolverMultistepScheduler", low, 10));
}

Disagreement third_order_sign() {
    DpmMultistepSolver::Options options{.order = 3, .eta = 1};
    const SigmaSchedule stops = karras_grid(table(), usual_steps);
    const Made other = sampler(stops, makes<DpmMultistepSolver>(options));
    options.as_diffusers_third_order_sde = true;
    return compared("DPM++ 3M SDE, the last term", {"diffusers", "-1/2 - φ₂/h"},
                    sampler(stops, makes<DpmMultistepSolver>(options)),
                    {"k-diffusion, A1111; the integral", "1/2 - φ₂/h"}, other);
}

Disagreement third_order_curvature() {
    const SigmaSchedule stops = karras_grid(table(), usual_steps);
    return compared(
        "DPM++ 3M, the curvature",
        {"CompVis, diffusers, k-diffusion, A1111", "half of it: second order"},
        sampler(stops, makes<DpmMultistepSolver>({.order = 3})), {"the integral", "third order"},
        sampler(stops, makes<DpmMultistepSolver>({.order = 3, .whole_curvature = true})));
}

Disagreement pndm_start() {
    const Made one = diffusers("PNDMScheduler", {{"skip_prk_steps", false}}),
               other = diffusers("PNDMScheduler", {{"skip_prk_steps", true}});
    return compared(
        "PNDM's first steps",
        {"diffusers by itself", fmt::format("three of Runge and Kutta: {} calls", run(*one).calls)},
        one,
        {"CompVis; diffusers' folders of SD 1.x",
         fmt::format("one of improved Euler: {} calls", run(*other).calls)},
        other);
}

Disagreement plms_calls() {
    const Made one = make_plms(schedule(), usual_steps),
               other = diffusers("PNDMScheduler", {{"skip_prk_steps", true}});
    return compared("how PLMS's 20 steps are counted",
                    {"CompVis", fmt::format("20 steps, {} calls", run(*one).calls)}, one,
                    {"diffusers", "21 steps: each call is one"}, other);
}

Disagreement dpm2_step() {
    const Made one = find_sampler(samplers(), "dpm2").make(schedule(), {.steps = usual_steps}),
               other = sampler(karras_grid(table(), usual_steps), k_diffusion_solver("dpm_2", {}),
                               {.initial_noise = table().largest()});
    return compared("DPM2's last stops", {"A1111: of 21 without the last but one", levels(one)},
                    one, {"k-diffusion", levels(other)}, other);
}

Disagreement dpm_fast_noise() {
    return compared("the noise that DPM fast and DPM adaptive add back",
                    {"A1111", "all of it: eta = 1, a random sampler"},
                    make_dpm_fast(schedule(), usual_steps, 1), {"k-diffusion", "none: eta = 0"},
                    make_dpm_fast(schedule(), usual_steps, 0));
}

Disagreement unipc_weight() {
    const SigmaSchedule stops = sgm_uniform_grid(table(), usual_steps);
    return compared("UniPC of order 2, the predictor's weight",
                    {"the paper's code, diffusers", "1/2, whatever the step"},
                    sampler(stops, makes<UniPcSolver>({})),
                    {"the paper's equation", "its solution"},
                    sampler(stops, makes<UniPcSolver>({.solved_weight = true})));
}

Disagreement beta_grids() {
    const auto dpm = makes<DpmMultistepSolver>({});
    const Made one = sampler(grid_of(table(), beta_sigmas(table().largest(), table().smallest(),
                                                          usual_steps)),
                             dpm),
               other = sampler(beta_grid(table(), usual_steps), dpm);
    return compared("quantiles of the beta distribution, DPM++ 2M",
                    {"diffusers: of noise levels", levels(one)}, one,
                    {"ComfyUI, A1111: of times", levels(other)}, other);
}

/// Align your steps as A1111 has it: as many levels as steps, and then 0.
SigmaSchedule align_your_steps_with_end(int steps) {
    SigmaSchedule eleven = align_your_steps_grid(table(), 10);
    eleven.sigmas.back() = 0.029;
    std::vector<double> sigmas;
    for (int i = 0; i < steps; ++i) {
        const double place = 10.0 * i / (steps - 1);
        const int low = std::min(static_cast<int>(place), 9);
        sigmas.push_back(std::exp(std::lerp(std::log(eleven.sigmas[low]),
                                            std::log(eleven.sigmas[low + 1]), place - low)));
    }
    return grid_of(table(), sigmas);
}

Disagreement align_your_steps() {
    const auto dpm = makes<DpmMultistepSolver>({});
    const Made one = sampler(align_your_steps_with_end(10), dpm),
               other = sampler(align_your_steps_grid(table(), 10), dpm);
    return compared("align your steps, 11 levels for 10 steps, DPM++ 2M",
                    {"A1111: 10 levels, then 0", levels(one)}, one,
                    {"ComfyUI: the last of 11 is 0", levels(other)}, other);
}

Disagreement compvis_uniform() {
    const auto ddim = [](const char* kind) -> Made {
        return std::make_unique<pipeline::DDIMSampler>(
            schedule(), pipeline::DDIMSampler::Config{.S = 7, .ddim_discretize = kind});
    };
    const Made one = ddim("uniform"), other = ddim("even");
    return compared("DDIM in 7 steps",
                    {"CompVis", fmt::format("{} steps: {}", one->steps(), times(one))}, one,
                    {"here", fmt::format("{} steps: {}", other->steps(), times(other))}, other);
}

}  // namespace

std::vector<Disagreement> disagreements() {
    return {first_noise(),
            spacing("leading", "diffusers' folders of SD 1.x"),
            spacing("trailing", "diffusers' folder of SDXL Turbo"),
            last_step(),
            ddim_end_of_step(),
            karras_times(),
            karras_ends(),
            beta_grids(),
            align_your_steps(),
            compvis_uniform(),
            lower_order_final(),
            third_order_curvature(),
            third_order_sign(),
            pndm_start(),
            plms_calls(),
            dpm2_step(),
            dpm_fast_noise(),
            unipc_weight()};
}

std::string text_of(const std::vector<Disagreement>& disagreements) {
    std::string text;
    for (const auto& [what, one, other, difference] : disagreements) {
        const std::string amount = difference < 1e-5 ? "no difference"
                                   : difference >= 1 ? "another picture"
                                                     : fmt::format("{:.2g} %", 100 * difference);
        text += fmt::format("{:<81}{:>15}\n", what, amount);
        for (const Way& way : {one, other})
            text += fmt::format("    {:<46}  {}\n", way.how, way.who);
    }
    return text;
}

}  // namespace ldm::samplers
