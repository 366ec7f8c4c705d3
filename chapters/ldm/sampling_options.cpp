#include "chapters/ldm/sampling_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "chapters/08_ldm_pipeline/families.h"
#include "chapters/10_samplers/samplers.h"
#include "chapters/10_samplers/scheduler.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/ldm/option_groups.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

using pipeline::Txt2ImgRequest;

/// A line for each of them.
template <class Kinds>
std::string lines_of(const std::string& first, const Kinds& kinds) {
    std::string help = first;
    for (const auto& kind : kinds) help += fmt::format("\n  {}: {}", kind.name, kind.help);
    return help;
}

/// A name for which `find` throws no Error; the usual ones are those of the kinds.
template <class Kinds>
CLI::Validator known_name(const Kinds& kinds, std::function<void(const std::string&)> find) {
    std::vector<std::string> names;
    for (const auto& kind : kinds) names.push_back(kind.name);
    return CLI::Validator(
        [find = std::move(find)](std::string& name) -> std::string {
            try {
                find(name);
            } catch (const Error& error) {
                return error.what();
            }
            return "";
        },
        fmt::format("{{{}}}", fmt::join(names, ",")));
}

/// The scheduler of a diffusers folder as a sampler. Its pipelines make 50 steps, those for
/// distilled models 4.
ddpm::SamplerKind sampler_of(const pipeline::SchedulerSettings& settings) {
    const std::string& name = settings.class_name();
    const bool distilled = name == "LCMScheduler" || name == "TCDScheduler";
    const auto make = [settings, distilled](const ddpm::Schedule&,
                                            const ddpm::SamplerOptions& options) {
        std::optional<double> eta;
        if (options.eta) eta = *options.eta;
        return samplers::make_scheduler(settings, options.steps.value_or(distilled ? 4 : 50), eta);
    };
    // the name that A1111 would write, if it has one
    for (const ddpm::SamplerKind& kind : samplers::samplers())
        if (std::ranges::find(kind.aliases, name) != kind.aliases.end())
            return {name, kind.label, kind.help, make};
    return {name, name, "", make};
}

/// DPM++ 2M Karras with 20 steps, for files that say nothing of how they are to be drawn with.
void prefer_for_stable_diffusion(Txt2ImgRequest& request) {
    request.sampler = find_sampler(samplers::samplers(), "dpm++2m");
    request.schedule = "karras";
    request.steps = 20;
}

}  // namespace

void add_sampling_options(CLI::App& command, SamplingOptions& options) {
    command.option_defaults()->group(sampling_group);
    command.add_option("--steps", options.steps, "Sampling steps, exactly (default: the model's)")
        ->check(CLI::Range(1, 1000));
    command
        .add_option("--cfg-scale", options.cfg_scale,
                    "Classifier-free guidance: how strongly the prompt is followed\n"
                    "(default: the model's)")
        ->check(report::number_between(0.0, 100.0));
    command
        .add_option("--sampler", options.sampler,
                    lines_of("How to get from noise to picture (default: the model's); the names\n"
                             "of k-diffusion and diffusers are known, too",
                             samplers::samplers()))
        ->type_name("NAME")
        ->check(known_name(samplers::samplers(), [](const std::string& name) {
            (void)find_sampler(samplers::samplers(), name);
        }));
    command
        .add_option(
            "--schedule", options.schedule,
            lines_of("At which noise levels to stop (default: the sampler's)", samplers::grids()))
        ->type_name("NAME")
        ->check(known_name(samplers::grids(),
                           [](const std::string& name) { (void)samplers::find_grid(name); }));
    command
        .add_option("--eta", options.eta,
                    "How much noise each step adds back (default: the sampler's)")
        ->check(report::number_between(0.0, 1.0));
    command
        .add_option("--rng", options.rng,
                    "Whose random numbers a seed stands for: PyTorch's on the CPU (cpu), or on a\n"
                    "GPU (cuda), as A1111 and stable-diffusion.cpp have them")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
}

Txt2ImgRequest sampling_request(const SamplingOptions& options, const pipeline::ModelSpec& spec) {
    const bool of_folder = options.sampler.empty() && options.schedule.empty() && spec.scheduler;
    Txt2ImgRequest request = preferred_request(spec, options.sampler, samplers::samplers());
    const bool is_stable_diffusion = spec.family == pipeline::sd1 || spec.family == pipeline::sd2;
    if (options.sampler.empty() && !spec.scheduler && is_stable_diffusion)
        prefer_for_stable_diffusion(request);
    if (of_folder) {
        request.sampler = sampler_of(*spec.scheduler);
        request.steps.reset();
        request.schedule.clear();
    }
    if (options.steps) request.steps = options.steps;
    // its steps are calls, of which a picture's text cannot tell the number from the stops
    if (request.sampler.name == "dpm_fast" && !request.steps) request.steps = 20;
    request.cfg_scale = options.cfg_scale.value_or(request.cfg_scale);
    request.eta = options.eta;
    if (!options.schedule.empty()) request.schedule = options.schedule;
    if (!request.schedule.empty())
        request.schedule_label = samplers::find_grid(request.schedule).label;
    else if (of_folder)
        request.schedule_label = schedule_of_folder;
    else if (!request.sampler.schedule.empty())
        request.schedule_label = samplers::find_grid(request.sampler.schedule).label;
    request.rng =
        options.rng == "cuda" ? pipeline::RandomStream::cuda : pipeline::RandomStream::cpu;
    return request;
}

}  // namespace ldm::program
