#pragma once

#include <deque>

#include "chapters/10_samplers/exponential.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// DPM-Solver and DPM-Solver++ with several steps' memory, one call of the network for each step:
/// the polynomial goes through the predictions at the last 1, 2 or 3 stops. With eta above 0 the
/// stochastic equation. DPM++ 2M, DPM++ 2M SDE and DPM++ 3M SDE of k-diffusion,
/// DPMSolverMultistepScheduler of diffusers, and CompVis's DPMSolverSampler. Its first step (and
/// any step to noise level 0) is DDIM's.
class DpmMultistepSolver : public Solver {
public:
    struct Options {
        Form form = Form::data;
        /// 1, 2 or 3
        int order = 2;
        Correction correction = Correction::midpoint;
        /// 0: deterministic
        double eta = 0;
        double s_noise = 1;
        /// Fewer steps than 15 end with the orders 2 and 1.
        bool lower_order_final = false;
        /// The last so many steps do not count as such: denoise_to_zero's.
        int after_final = 0;
        /// The last step is of order 1 whatever the number of steps ("euler_at_final").
        bool euler_at_final = false;
        /// All programs weight the polynomial's second coefficient as if it were the second
        /// derivative, which is twice as large: their third-order step is of second order. true:
        /// twice, and of third order.
        bool whole_curvature = false;
        /// diffusers' third-order stochastic step has -1/2 where the integral gives +1/2, and
        /// converges only linearly. To compare with it.
        bool as_diffusers_third_order_sde = false;
    };
    explicit DpmMultistepSolver(const Options& options) : options_(options) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    int order_of(const Denoising& denoise, int i) const;

    Options options_;
    /// of the last stops, the newest first
    std::deque<Tensor> predictions_;
};

}  // namespace ldm::samplers
