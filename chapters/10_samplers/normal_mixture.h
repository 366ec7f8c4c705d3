#pragma once

#include <vector>

#include "chapters/01_ddpm/sampling.h"
#include "chapters/10_samplers/sigma_table.h"

namespace ldm::samplers {

/// Data of which everything is known: each number of a picture is drawn by itself from a few normal
/// distributions. The best denoiser is a formula then, and where its differential equation leads is
/// known as exactly as one likes: what solvers can be measured by.
class NormalMixture {
public:
    struct Part {
        /// of all parts together 1
        double weight;
        double mean, deviation;
    };
    explicit NormalMixture(std::vector<Part> parts);

    /// D(y, sigma): the mean of all x0 that y may have come from, where y = x0 + sigma noise.
    double denoised(double y, double sigma) const;

    /// Where dy/dsigma = (y - D(y, sigma)) / sigma leads from y: for one normal distribution by the
    /// formula, else by 1000 steps of Runge and Kutta.
    double solution(double y, double from, double to) const;

    /// The noise of the best denoiser, in x and at times of this table, as a network predicts it:
    /// for samplers of a schedule with the parameterization eps. Computed in double.
    ddpm::Denoiser denoiser(const SigmaTable& table) const;

private:
    std::vector<Part> parts_;
};

}  // namespace ldm::samplers
