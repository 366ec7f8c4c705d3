#include "chapters/13_super_resolution/poisson.h"

#include <array>
#include <cmath>

namespace ldm::super_resolution {
namespace {

/// How many uniform numbers can be multiplied until the product is below exp(-mean).
double by_multiplication(double mean, random::TorchGenerator& generator) {
    const double end = std::exp(-mean);
    double count = 0, product = 1;
    while (true) {
        std::array<float, 1> u;
        generator.uniform(u);
        product *= u[0];
        if (product <= end) return count;
        ++count;
    }
}

/// The constants have their names in the paper.
double by_rejection(double mean, random::TorchGenerator& generator) {
    const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
    while (true) {
        std::array<float, 2> uniform;
        generator.uniform(uniform);
        const double u = uniform[0] - 0.5, v = uniform[1], u_s = 0.5 - std::abs(u);
        const double k = std::floor((2 * a / u_s + b) * u + mean + 0.43);
        if (u_s >= 0.07 && v <= v_r) return k;
        // also where u_s is 0
        if (!(k >= 0) || (u_s < 0.013 && v > u_s)) continue;
        const double drawn = std::log(v * inverse_alpha / (a / (u_s * u_s) + b));
        if (drawn <= k * std::log(mean) - mean - std::lgamma(k + 1)) return k;
    }
}

}  // namespace

double draw_poisson(double mean, random::TorchGenerator& generator) {
    return mean < 10 ? by_multiplication(mean, generator) : by_rejection(mean, generator);
}

}  // namespace ldm::super_resolution
