#include "chapters/01_ddpm/sampler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "chapters/01_ddpm/reverse_process.h"
#include "common/nn/nearest_name.h"

namespace ldm::ddpm {
namespace {

SigmaSchedule every_step(const Schedule& schedule) {
    std::vector<int> all(schedule.timesteps());
    std::iota(all.begin(), all.end(), 0);
    return sigmas_at(schedule, all, 0.0);
}

class AncestralSampler : public Sampler {
public:
    explicit AncestralSampler(const Schedule& schedule)
        : Sampler(every_step(schedule)), schedule_(schedule) {}

private:
    Tensor sample_from(int first, const Denoiser& model, const Tensor& x, const Noise& noise,
                       const Observer& observer, const Known& known) const override {
        expect(static_cast<bool>(noise), "the ancestral sampler needs noise");
        return p_sample_loop(schedule_, model, x, noise, {.clip_denoised = false}, observer, known,
                             first);
    }

    Schedule schedule_;
};

std::unique_ptr<Sampler> make_ancestral(const Schedule& schedule, const SamplerOptions& options) {
    const int all = schedule.timesteps();
    if (options.steps && *options.steps != all)
        throw Error(fmt::format(
            "the sampler ddpm makes all {} steps of this model, not {}: leave the number out, or "
            "choose another sampler",
            all, *options.steps));
    if (options.eta) throw Error("the sampler ddpm has no eta: it adds all its noise back");
    expect_own_schedule("ddpm", options);
    return std::make_unique<AncestralSampler>(schedule);
}

}  // namespace

Tensor Sampler::sample(const Denoiser& model, const Tensor& x, const Noise& noise,
                       const Observer& observer, const Known& known, int first) const {
    expect(first >= 0 && first <= steps(),
           fmt::format("the first step is {}, expected one of 0 to {}", first, steps()));
    return first == steps() ? x : sample_from(first, model, x, noise, observer, known);
}

void expect_own_schedule(const std::string& sampler, const SamplerOptions& options) {
    if (!options.schedule.empty())
        throw Error(
            fmt::format("the sampler {} has its own schedule: leave --schedule out, or "
                        "choose another sampler",
                        sampler));
}

const SamplerKind& find_sampler(const SamplerList& samplers, const std::string& name) {
    for (const SamplerKind& kind : samplers)
        if (kind.name == name || std::ranges::find(kind.aliases, name) != kind.aliases.end())
            return kind;
    std::vector<std::string> names;
    for (const SamplerKind& kind : samplers) names.push_back(kind.name);
    throw Error(fmt::format("unknown sampler '{}'{}: there are {}", name,
                            nn::nearest_names(name, names), fmt::join(names, ", ")));
}

SamplerKind ddpm_sampler() {
    return {"ddpm",
            "DDPM",
            "every step of the training (1000 for Stable Diffusion), with noise",
            make_ancestral,
            {"DDPMScheduler"}};
}

}  // namespace ldm::ddpm
