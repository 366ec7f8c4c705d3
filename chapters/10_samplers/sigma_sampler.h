#pragma once

#include <functional>
#include <memory>

#include "chapters/10_samplers/denoising.h"

namespace ldm::samplers {

/// How a sampler goes from one stop to the next. One object lives as long as one run, so that it
/// may remember what former steps have found.
class Solver {
public:
    virtual ~Solver() = default;

    /// y at noise level sigma(i) -> y at sigma(i + 1), both [N, C, H, W].
    [[nodiscard]] virtual Tensor step(Denoising& denoise, int i, const Tensor& y) = 0;
};

/// Any solver along any schedule of sigmas, as a Sampler.
class SigmaSampler : public ddpm::Sampler {
public:
    using MakeSolver = std::function<std::unique_ptr<Solver>()>;

    struct Options {
        /// what changes each predicted x0; none for latents
        ChangeX0 change_x0 = {};
        /// noise for the way between two noise levels, for a tensor of that shape between these two
        /// levels; without it each step draws from the noise of sample()
        std::function<StepNoise(const Shape& shape, double smallest, double largest)> step_noise =
            {};
        /// y at the first stop is this times noise; 0: sqrt(sigma^2 + 1), the forward process's.
        /// k-diffusion and A1111 have sigma itself, a little less.
        double initial_noise = 0;
        /// Where step i ends, if that is not where step i + 1 begins: diffusers' DDIM and PNDM go T
        /// / K time steps down, whatever the next stop is, and take x from there as it is.
        std::vector<double> ends = {};
        /// which times noise levels between the stops have
        SigmaTable::Between between = SigmaTable::Between::log_sigma;
    };

    SigmaSampler(const ddpm::Schedule& schedule, ddpm::SigmaSchedule stops, MakeSolver make_solver)
        : SigmaSampler(schedule, std::move(stops), std::move(make_solver), Options()) {}
    SigmaSampler(const ddpm::Schedule& schedule, ddpm::SigmaSchedule stops, MakeSolver make_solver,
                 Options options);

    [[nodiscard]] double initial_noise() const override;

    /// sample() with a look at the noise level of every call of the network.
    [[nodiscard]] Tensor sample_watched(const ddpm::Denoiser& model, const Tensor& x,
                                        const ddpm::Noise& noise,
                                        const std::function<void(double sigma)>& on_call) const;

private:
    [[nodiscard]] Tensor sample_from(int first, const ddpm::Denoiser& model, const Tensor& x,
                                     const ddpm::Noise& noise, const ddpm::Observer& observer,
                                     const ddpm::Known& known) const override;

    Tensor run(int first, const ddpm::Denoiser& model, const Tensor& x, const ddpm::Noise& noise,
               const ddpm::Observer& observer, const ddpm::Known& known,
               const ChangeX0& change_x0) const;

    SigmaTable table_;
    ddpm::Parameterization parameterization_;
    MakeSolver make_solver_;
    Options options_;
};

/// Makes solvers of a kind, each with these options.
template <class SolverType>
SigmaSampler::MakeSolver makes(const typename SolverType::Options& options) {
    return [options] { return std::make_unique<SolverType>(options); };
}

}  // namespace ldm::samplers
