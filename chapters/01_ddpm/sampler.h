#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chapters/01_ddpm/sampling.h"
#include "chapters/01_ddpm/sigma_schedule.h"

namespace ldm::ddpm {

/// A way from noise to picture along a SigmaSchedule: made for one model's schedule and one number
/// of steps, and good for any picture. Whatever a sampler scales x by inside, what it is given,
/// shows and returns is the x of the forward process, sqrt(ac) x0 + sqrt(1 - ac) noise.
class Sampler {
public:
    virtual ~Sampler() = default;

    /// From x [N, C, H, W], noised as far as stop `first`, to the end of the last step; a `first`
    /// above 0 leaves out that many steps (img2img). `noise` may be left out where a sampler needs
    /// none. Throws an Error unless 0 <= first <= steps().
    [[nodiscard]] Tensor sample(const Denoiser& model, const Tensor& x, const Noise& noise = {},
                                const Observer& observer = {}, const Known& known = {},
                                int first = 0) const;

    /// What standard normal noise is multiplied by to be the x to begin with. 1 by the forward
    /// process; some programs begin with a little less.
    [[nodiscard]] virtual double initial_noise() const { return 1; }

    const SigmaSchedule& stops() const { return stops_; }

    /// How often the observer will be called from the first stop on: the number of steps, exactly.
    int steps() const { return stops_.steps(); }

protected:
    explicit Sampler(SigmaSchedule stops) : stops_(std::move(stops)) {}

    /// sample(), where `first` is one of the stops.
    [[nodiscard]] virtual Tensor sample_from(int first, const Denoiser& model, const Tensor& x,
                                             const Noise& noise, const Observer& observer,
                                             const Known& known) const = 0;

private:
    SigmaSchedule stops_;
};

/// What a person may ask of any sampler. One that cannot do it throws an Error that says so.
struct SamplerOptions {
    /// exactly so many steps; absent: what the sampler does by itself
    std::optional<int> steps = {};
    /// noise that is added back at each step, as a share of what the ancestral sampler adds;
    /// absent: the sampler's own
    std::optional<float> eta = {};
    /// at which noise levels to stop, by name (chapter 10); empty: the sampler's own
    std::string schedule = {};
    /// one for each picture of the batch: of the Brownian motions that stochastic samplers follow
    std::vector<std::uint64_t> seeds = {};
};

/// A sampler as the command, the help and a PNG's parameters know it.
struct SamplerKind {
    /// for --sampler and config.json, "ddim"
    std::string name;
    /// as other programs write it, "DDIM"
    std::string label;
    /// one line of help
    std::string help;
    std::function<std::unique_ptr<Sampler>(const Schedule&, const SamplerOptions&)> make;
    /// other names that people know it by
    std::vector<std::string> aliases = {};
    /// the schedule it takes unless another is asked for; empty: it has one of its own only
    std::string schedule = {};
};

/// A closed list, in the order in which people read it. Each chapter that has samplers adds its own
/// to those before it; what draws, names or counts steps reads the list.
using SamplerList = std::vector<SamplerKind>;

/// The kind of that name; an Error that lists all names when there is none.
const SamplerKind& find_sampler(const SamplerList& samplers, const std::string& name);

/// Throws an Error if another schedule is asked for than the sampler's own.
void expect_own_schedule(const std::string& sampler, const SamplerOptions& options);

/// Ho et al. (2020), algorithm 2: every step of the training, noise added back at each. x0 is not
/// clamped, for latents have no bounds.
SamplerKind ddpm_sampler();

}  // namespace ldm::ddpm
