#pragma once

#include "chapters/10_samplers/exponential.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// DPM-Solver that chooses its own steps: each is made twice, with a lower and with a higher order,
/// from the same calls of the network; where the two differ too much the step is made again,
/// shorter (Lu et al., 2022, algorithm 4). As a Solver it goes from its first to its last stop in
/// one step.
class DpmAdaptiveSolver : public Solver {
public:
    /// Who decides on the next step's length.
    enum class Controller {
        /// CompVis's dpm_solver_adaptive: 0.9 h E^(-1/order), the worst picture of the batch counts
        dpm_solver,
        /// k-diffusion's sample_dpm_adaptive: an integrating controller, all of the batch together
        k_diffusion
    };
    struct Options {
        Controller controller = Controller::k_diffusion;
        Form form = Form::noise;
        Correction correction = Correction::midpoint;
        /// 2 or 3, of the higher one
        int order = 3;
        double rtol = 0.05, atol = 0.0078;
        /// the first step's length in lambda
        double h_init = 0.05;
        /// k-diffusion's: how much of the ancestral noise comes back
        double eta = 0;
        /// and its standard deviation
        double s_noise = 1;
    };
    explicit DpmAdaptiveSolver(const Options& options) : options_(options) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    struct Pair {
        Tensor lower, higher;
    };
    Pair both(Denoising& denoise, const Tensor& y, double from, double to) const;
    Tensor by_dpm_solver(Denoising& denoise, const Tensor& y, double from, double end) const;
    Tensor by_k_diffusion(Denoising& denoise, const Tensor& y, double from, double end) const;

    Options options_;
};

}  // namespace ldm::samplers
