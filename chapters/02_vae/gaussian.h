#pragma once

#include "common/tensor/tensor.h"

namespace ldm::vae {

/// The encoder's posterior q(z | x): a normal distribution over latents with a diagonal covariance
/// (DiagonalGaussianDistribution in ldm's distributions.py; Kingma & Welling, 2013).
///
///     q(z | x) = Normal(mean, std^2),   std = exp(logvar / 2),   every number on its own
class DiagonalGaussian {
public:
    /// moments [N, 2 C, h, w]: the means, then the logarithms of the variances, which are clamped
    /// to [-30, 20]. A deterministic one is all at its mean: std and var are 0.
    explicit DiagonalGaussian(const Tensor& moments, bool deterministic = false);

    const Tensor& moments() const { return moments_; }
    /// [N, C, h, w], as all of these
    const Tensor& mean() const { return mean_; }
    const Tensor& logvar() const { return logvar_; }
    const Tensor& std() const { return std_; }
    const Tensor& var() const { return var_; }

    /// The most likely latent, which is the mean.
    const Tensor& mode() const { return mean_; }

    /// mean + std * noise, with standard normal noise [N, C, h, w]. Written this way, there are
    /// gradients with respect to mean and std (the reparameterization trick).
    Tensor sample(const Tensor& noise) const;

    /// The Kullback-Leibler divergence from Normal(0, 1), or from the other one, in nats, summed
    /// over C, h, w. [N]
    Tensor kl() const;
    Tensor kl(const DiagonalGaussian& other) const;

    /// The negative log-likelihood of a latent: -log q(z | x), summed over C, h, w.
    /// z [N, C, h, w] -> [N]
    Tensor nll(const Tensor& z) const;

private:
    bool deterministic_;
    Tensor moments_, mean_, logvar_, std_, var_;
};

/// The Kullback-Leibler divergence of Normal(mean1, exp(logvar1)) from Normal(mean2, exp(logvar2)),
/// number by number, in nats; shapes broadcast (normal_kl in distributions.py).
Tensor normal_kl(const Tensor& mean1, const Tensor& logvar1, const Tensor& mean2,
                 const Tensor& logvar2);

}  // namespace ldm::vae
