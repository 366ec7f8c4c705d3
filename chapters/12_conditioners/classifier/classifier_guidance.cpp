#include "chapters/12_conditioners/classifier/classifier_guidance.h"

#include <cmath>
#include <vector>

#include "chapters/10_samplers/sigma_table.h"
#include "common/autograd/tape.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

/// Factor of the gradient in what the network predicts.
double factor_of(double sigma, ddpm::Parameterization predicts) {
    // sigma = sqrt((1 - ac) / ac), so sqrt(ac) = 1 / sqrt(1 + sigma^2)
    const double root = std::sqrt(1.0 + sigma * sigma), eps = sigma / root;
    switch (predicts) {
        case ddpm::Parameterization::eps:
            return -eps;
        case ddpm::Parameterization::x0:
            return sigma * eps;
        case ddpm::Parameterization::v:
            return -eps * root;
    }
    return 0.0;
}

/// The factors of N pictures at their times, [N, 1, 1, 1].
Tensor factors_at(const samplers::SigmaTable& sigmas, const Tensor& t,
                  ddpm::Parameterization predicts, float scale) {
    const Tensor times = ops::to(t.dtype() == DType::i32 ? ops::to_float(t) : t, Device::cpu);
    std::vector<float> factors;
    for (const float time : times.values())
        factors.push_back(static_cast<float>(scale * factor_of(sigmas.sigma(time), predicts)));
    return ops::to(Tensor::from({times.size(), 1, 1, 1}, factors), t.device());
}

}  // namespace

//! [gradient]
Tensor classifier_gradient(const NoisyClassifier& classifier, const Tensor& x, const Tensor& t,
                           const Tensor& y) {
    Tape tape;
    const Tensor x_in = ops::detach(x);
    tape.watch(x_in);
    // cross_entropy is the mean of -log p(y | x)
    const auto n = static_cast<float>(x.dim(0));
    const Tensor log_p = -n * ops::cross_entropy(classifier(x_in, t), y);
    return tape.backward(log_p).of(x_in);
}

std::function<ddpm::Denoiser(ddpm::Denoiser)> classifier_guidance(const NoisyClassifier& classifier,
                                                                  const ddpm::Schedule& schedule,
                                                                  const Tensor& y, float scale) {
    const samplers::SigmaTable sigmas(schedule);
    const ddpm::Parameterization predicts = schedule.parameterization;
    return [=](const ddpm::Denoiser& denoiser) -> ddpm::Denoiser {
        return [=](const Tensor& x, const Tensor& t) {
            return denoiser(x, t) + factors_at(sigmas, t, predicts, scale) *
                                        classifier_gradient(classifier, x, t, y);
        };
    };
}
//! [gradient]

}  // namespace ldm::conditioners
