#pragma once

#include <functional>

#include "chapters/01_ddpm/sampling.h"
#include "chapters/01_ddpm/schedule.h"

namespace ldm::conditioners {

/// Logits of noisy latents: x [N, C, h, w], t [N] -> [N, classes].
using NoisyClassifier = std::function<Tensor(const Tensor& x, const Tensor& t)>;

/// The gradient of log p(y | x_t) with respect to x_t, [N, C, h, w], of the labels y [N] int32:
/// log p is the label's entry of log_softmax(classifier(x, t)).
[[nodiscard]] Tensor classifier_gradient(const NoisyClassifier& classifier, const Tensor& x,
                                         const Tensor& t, const Tensor& y);

/// Guidance by a classifier ("Diffusion Models Beat GANs on Image Synthesis", Dhariwal and Nichol,
/// 2021, algorithm 2): a step is bent towards pictures that the classifier takes for the class,
///
///     eps' = eps - s sqrt(1 - ac_t) grad log p(y | x_t)
///
/// since the score of p(x_t) is -eps / sqrt(1 - ac_t). In what the network predicts that is a
/// change of eps, of x0 by -sqrt(1 - ac) / sqrt(ac) times the same, or of v by 1 / sqrt(ac) times
/// it. Between two time steps ac is that of a straight line through log sigma (SigmaTable). The
/// classifier is no part of the denoiser, which may be guided in other ways before.
[[nodiscard]] std::function<ddpm::Denoiser(ddpm::Denoiser)> classifier_guidance(
    const NoisyClassifier& classifier, const ddpm::Schedule& schedule, const Tensor& y,
    float scale);

}  // namespace ldm::conditioners
