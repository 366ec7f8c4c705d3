#include "chapters/10_samplers/exponential.h"

#include <cmath>

namespace ldm::samplers {

double lambda_of(double sigma) { return -std::log(sigma); }

//! [weights]
StepWeights step_weights(Form form, Correction correction, double from, double to, double eta) {
    if (to == 0) {
        // h is infinite: only the picture is left
        expect(form == Form::data, "DPM-Solver in its noise form cannot end at noise level 0");
        return {0, 1, 0, 0};
    }
    const double h = lambda_of(to) - lambda_of(from);
    if (form == Form::data) {
        const double hh = (1 + eta) * h;
        // phi_1 = ∫ e^(u - hh) du over [0, hh], then against u / hh, (u / hh)^2 / 2
        const double phi1 = -std::expm1(-hh), phi2 = 1 - phi1 / hh, phi3 = phi2 / hh - 0.5;
        const double second = correction == Correction::midpoint ? 0.5 * phi1 : phi2;
        return {std::exp(-hh), phi1, second, -phi3};
    }
    const double phi1 = std::expm1(h), phi2 = phi1 / h - 1, phi3 = phi2 / h - 0.5;
    const double second = correction == Correction::midpoint ? 0.5 * phi1 : phi2;
    const double factor = -(1 + eta) * to;
    return {1, factor * phi1, factor * second, factor * phi3};
}
//! [weights]

double step_noise(Form form, double from, double to, double eta) {
    if (eta == 0 || to == 0) return 0;
    const double h = lambda_of(to) - lambda_of(from);
    return form == Form::data ? to * std::sqrt(-std::expm1(-2 * eta * h))
                              : to * std::sqrt(std::expm1(2 * eta * h));
}

Tensor predicted(Form form, const Tensor& y, const Tensor& x0, double sigma) {
    return form == Form::data ? x0 : Denoising::eps(y, x0, sigma);
}

}  // namespace ldm::samplers
