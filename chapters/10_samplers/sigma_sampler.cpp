#include "chapters/10_samplers/sigma_sampler.h"

#include <cmath>
#include <utility>

#include "common/ops/elementwise.h"

namespace ldm::samplers {
SigmaSampler::SigmaSampler(const ddpm::Schedule& schedule, ddpm::SigmaSchedule stops,
                           MakeSolver make_solver, Options options)
    : Sampler(std::move(stops)),
      table_(schedule, options.between),
      parameterization_(schedule.parameterization),
      make_solver_(std::move(make_solver)),
      options_(std::move(options)) {}

double SigmaSampler::initial_noise() const {
    const double sigma = stops().sigmas[0];
    return options_.initial_noise == 0 ? 1 : options_.initial_noise / std::hypot(sigma, 1);
}

Tensor SigmaSampler::sample_from(int first, const ddpm::Denoiser& model, const Tensor& x,
                                 const ddpm::Noise& noise, const ddpm::Observer& observer,
                                 const ddpm::Known& known) const {
    return run(first, model, x, noise, observer, known, options_.change_x0);
}

Tensor SigmaSampler::sample_watched(const ddpm::Denoiser& model, const Tensor& x,
                                    const ddpm::Noise& noise,
                                    const std::function<void(double sigma)>& on_call) const {
    return run(0, model, x, noise, {}, {},
               [&](const Tensor& x0, const Tensor& input, double sigma) {
                   on_call(sigma);
                   return options_.change_x0 ? options_.change_x0(x0, input, sigma) : x0;
               });
}

//! [sample]
Tensor SigmaSampler::run(int first, const ddpm::Denoiser& model, const Tensor& x,
                         const ddpm::Noise& noise, const ddpm::Observer& observer,
                         const ddpm::Known& known, const ChangeX0& change_x0) const {
    StepNoise step_noise;
    if (options_.step_noise)
        step_noise =
            options_.step_noise(x.shape(), stops().sigmas[steps() - 1], stops().sigmas[first]);
    else if (noise)
        step_noise = [&noise](const Shape& shape, double, double) { return noise(shape); };
    expect(noise || known.noise || !known.mask, "noise is needed where something is known");

    Denoising denoise(table_, stops(), parameterization_, model, step_noise, change_x0,
                      options_.ends);
    const std::unique_ptr<Solver> solver = make_solver_();
    Tensor y = to_y(x, denoise.sigma(first));
    for (int i = first; i < steps(); ++i) {
        if (known.mask) {
            const Tensor there = combined(1, known.x0, denoise.sigma(i),
                                          known.noise ? known.noise : noise(x.shape()));
            y = known.mask * there + (-known.mask + 1.0f) * y;
        }
        y = solver->step(denoise, i, y);
        const Tensor pred_x0 = denoise.take_first();
        const double end = denoise.end(i);
        if (observer) {
            const Tensor there = to_x(y, end);
            const int t = static_cast<int>(stops().timesteps[i]);
            if (!observer({steps() - 1 - i, steps() - first, t, there, pred_x0})) return there;
        }
        if (i + 1 == steps()) return to_x(y, end);
        y = with_same_x(y, end, denoise.sigma(i + 1));
    }
    return x;
}
//! [sample]

}  // namespace ldm::samplers
