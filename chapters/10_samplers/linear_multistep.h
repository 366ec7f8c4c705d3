#pragma once

#include <deque>
#include <span>

#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// One call of the network for each step, and the direction is extrapolated from what it said at
/// earlier stops: a polynomial through the last `order` noise predictions, integrated over the step
/// (Adams and Bashforth).
///
///     y' = y + sum over j of eps_j ∫ L_j(u(sigma)) dsigma,    L_j(u_k) = 1 where j = k, else 0
///
/// In which variable u the predictions are taken for a polynomial is what tells the samplers apart:
///
///     sigma       LMS (k-diffusion's sample_lms, diffusers' LMSDiscrete)
///     log_sigma   DEIS, "logrho" (Zhang and Chen, 2022)
///     index       PLMS, PNDM (Liu et al., 2022): the stops count as equally far apart
class LinearMultistepSolver : public Solver {
public:
    enum class Variable { sigma, log_sigma, index };
    /// The first steps have too few predictions to look back at.
    enum class Start {
        /// as many as there are
        lower_order,
        /// the first step takes the mean of the predictions at both its ends, with one more call
        /// (PLMS)
        improved_euler,
        /// the first three steps are made by the classical Runge-Kutta method of order 4, with four
        /// calls each (PNDM)
        runge_kutta
    };
    struct Options {
        Variable variable = Variable::sigma;
        int order = 4;
        Start start = Start::lower_order;
        /// fewer steps than 15 end with the orders 2 and 1 (diffusers' DEIS)
        bool lower_order_final = false;
        /// A single step of improved_euler makes its second call, too, at the same time (CompVis's
        /// PLMS).
        bool always_twice = true;
        /// The combination is made of the network's v, and turned into noise with the y of the
        /// step: diffusers' PNDM for v-prediction. Only for index.
        bool of_v = false;
    };
    explicit LinearMultistepSolver(const Options& options) : options_(options) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Tensor runge_kutta_step(Denoising& denoise, int i, const Tensor& y);
    int order_of(int i, int steps) const;
    void remember(const Tensor& y, const Tensor& x0, double sigma);
    Tensor direction(const Tensor& y, double sigma, const std::vector<double>& weights) const;

    Options options_;
    /// noise (or v), the newest first
    std::deque<Tensor> predictions_;
    /// how many steps this run has made
    int made_ = 0;
};

/// The factors of the predictions at `nodes`, the newest first, in the step from nodes[0] to `to`:
/// the integrals above. All are noise levels; `to` may be 0 unless the variable is log_sigma.
std::vector<double> adams_bashforth(LinearMultistepSolver::Variable variable,
                                    std::span<const double> nodes, double to);

}  // namespace ldm::samplers
