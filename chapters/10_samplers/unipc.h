#pragma once

#include <deque>
#include <vector>

#include "chapters/10_samplers/exponential.h"
#include "chapters/10_samplers/sigma_sampler.h"

namespace ldm::samplers {

/// "UniPC: a unified predictor-corrector framework" (Zhao et al., 2023): DPM-Solver's multistep
/// predictor of any order, and each prediction that the network makes at the point it led to also
/// corrects that point: one more order without another call. diffusers' UniPCMultistepScheduler.
class UniPcSolver : public Solver {
public:
    /// what the corrections are divided by: h, or e^h - 1
    enum class B { bh1, bh2 };
    struct Options {
        Form form = Form::data;
        int order = 2;
        B b = B::bh2;
        /// the last steps have the orders that are left
        bool lower_order_final = true;
        /// The predictor of order 2 has the weight 1/2, as in the paper, whatever the step; true:
        /// the solution of its equation, as for the other orders.
        bool solved_weight = false;
        /// after these steps the point is not corrected
        std::vector<int> disable_corrector = {};
    };
    explicit UniPcSolver(Options options) : options_(std::move(options)) {}

    [[nodiscard]] Tensor step(Denoising& denoise, int i, const Tensor& y) override;

private:
    Tensor corrected(const Denoising& denoise, int i, const Tensor& prediction) const;

    Options options_;
    /// at the last stops, the newest first
    std::deque<Tensor> predictions_;
    Tensor last_y_;
    int last_order_ = 0;
};

/// The weights of UniPC's corrections for a step of signed length hh (-h in the form data, h in the
/// form noise): the solution of sum over j of r_j^(k-1) weight_j = b_k, k = 1 … n, where n is how
/// many r there are. `by`: B(h).
std::vector<double> unipc_weights(const std::vector<double>& r, double hh, double by);

}  // namespace ldm::samplers
