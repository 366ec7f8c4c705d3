#pragma once

#include <vector>

#include "chapters/10_samplers/euler.h"
#include "chapters/10_samplers/exponential.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// What a step of a single-step DPM-Solver has found so far: y at its beginning and the predictions
/// there and at up to two noise levels within it.
struct StageValues {
    Tensor y;
    double sigma;
    /// with its noise level, the step's beginning first
    struct Prediction {
        double sigma;
        Tensor value;
    };
    std::vector<Prediction> predictions;
};

/// y at noise level `to`, of the order of how many predictions there are: 1, 2 or 3.
/// midpoint of order 3 uses the first and the last of the three predictions only, taylor all.
/// eta above 0: the deterministic part of the stochastic equation's step. `more_of_third` is added
/// to the weight of the curvature.
Tensor singlestep_update(Form form, Correction correction, const StageValues& stages, double to,
                         double eta = 0, double more_of_third = 0);

/// A whole step from y at `sigma` to `to` with 1, 2 or 3 calls of the network, at the noise levels
/// `inner` within the step (order - 1 of them). `x0`, if given, is what the network says at y.
/// The stage at the second inner level takes the slope of the first one by its integral (as the
/// papers and k-diffusion do).
Tensor singlestep(Denoising& denoise, Form form, Correction correction, const Tensor& y,
                  double sigma, double to, const std::vector<double>& inner, const Tensor& x0 = {});

/// For how many calls each step of a single-step solver is made, with `calls` in all and at most
/// `order` in each (DPM-Solver-fast for order 3).
std::vector<int> singlestep_orders(int calls, int order);

/// DPM-Solver with its memory within each step only ("DPM-Solver-2", "-3", "fast"): each step has
/// its own order, hence its own number of calls.
class DpmSinglestepSolver : public Solver {
public:
    struct Options {
        Form form = Form::data;
        Correction correction = Correction::midpoint;
        /// for each step the noise levels of its inner calls; none: order 1
        std::vector<std::vector<double>> inner;
    };
    explicit DpmSinglestepSolver(Options options) : options_(std::move(options)) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Options options_;
};

/// The same along k-diffusion's "DPM fast" (DPMSolver.dpm_solver_fast): the inner calls lie evenly
/// in lambda within what remains of a step when some of its noise is to come back.
class DpmFastSolver : public Solver {
public:
    struct Options {
        /// for each step 1, 2 or 3, its order and number of calls
        std::vector<int> orders;
        /// how much of the ancestral noise comes back
        double eta = 0;
        /// standard deviation of all added noise
        double s_noise = 1;
    };
    explicit DpmFastSolver(Options options) : options_(std::move(options)) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Options options_;
};

/// The same for which each inner call is a step of its own, as diffusers counts
/// (DPMSolverSinglestepScheduler): `orders` has an entry for each stop, 1 where a group of stages
/// begins, then 2, then 3.
class DpmStagesSolver : public Solver {
public:
    struct Options {
        Form form = Form::data;
        Correction correction = Correction::midpoint;
        std::vector<int> orders;
        /// 1: the stochastic equation, in the form data
        double eta = 0;
        /// see DpmMultistepSolver's
        bool as_diffusers_third_order_sde = false;
    };
    explicit DpmStagesSolver(Options options) : options_(std::move(options)) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Options options_;
    StageValues stages_;
};

/// DPM++ 2S a: a second-order step of the form data down to what ancestral sampling leaves, then
/// noise (k-diffusion's sample_dpmpp_2s_ancestral).
class AncestralDpmSolver : public Solver {
public:
    explicit AncestralDpmSolver(double eta, double s_noise = 1) : eta_(eta), s_noise_(s_noise) {}
    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    double eta_, s_noise_;
};

/// DPM++ SDE: the same with noise at the inner call, too (k-diffusion's sample_dpmpp_sde).
class SdeDpmSolver : public Solver {
public:
    /// r: where in the step, in lambda, the inner call is
    explicit SdeDpmSolver(double eta, double s_noise = 1, double r = 0.5)
        : eta_(eta), s_noise_(s_noise), r_(r) {}
    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    double eta_, s_noise_, r_;
};

}  // namespace ldm::samplers
