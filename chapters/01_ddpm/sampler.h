#pragma once

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

    /// From x [N, C, H, W], noised as far as the first stop, to the end of the last step. `noise`
    /// may be left out where a sampler needs none.
    [[nodiscard]] virtual Tensor sample(const Denoiser& model, const Tensor& x,
                                        const Noise& noise = {}, const Observer& observer = {},
                                        const Known& known = {}) const = 0;

    const SigmaSchedule& stops() const { return stops_; }

    /// How often the observer will be called: the number of steps, exactly.
    int steps() const { return stops_.steps(); }

protected:
    explicit Sampler(SigmaSchedule stops) : stops_(std::move(stops)) {}

private:
    SigmaSchedule stops_;
};

/// What a person may ask of any sampler. One that cannot do it throws an Error that says so.
struct SamplerOptions {
    /// exactly so many steps; absent: what the sampler does by itself
    std::optional<int> steps = {};
    /// noise that is added back at each step, as a share of what the ancestral sampler adds
    float eta = 0.0f;
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
};

/// A closed list, in the order in which people read it. Each chapter that has samplers adds its own
/// to those before it; what draws, names or counts steps reads the list.
using SamplerList = std::vector<SamplerKind>;

/// The kind of that name; an Error that lists all names when there is none.
const SamplerKind& find_sampler(const SamplerList& samplers, const std::string& name);

/// Ho et al. (2020), algorithm 2: every step of the training, noise added back at each. x0 is not
/// clamped, for latents have no bounds.
SamplerKind ddpm_sampler();

}  // namespace ldm::ddpm
