#pragma once

#include "common/tensor/tensor.h"

namespace ldm::vae {

/// What the encoder says about a picture: not one point of the latent space but a small cloud
/// (DiagonalGaussianDistribution in ldm's distributions.py; Kingma & Welling, 2013).
///
///     q(z | x) = Normal(mean, std^2),   std = exp(logvar / 2),   every number on its own
class DiagonalGaussian {
public:
    /// moments [N, 2 C, H, W]: the means, then the logarithms of the variances, which are kept
    /// within [-30, 20]. A deterministic one is all at its mean: std and var are 0.
    explicit DiagonalGaussian(const Tensor& moments, bool deterministic = false);

    const Tensor& moments() const { return moments_; }
    // [N, C, H, W], as all of these
    const Tensor& mean() const { return mean_; }
    const Tensor& logvar() const { return logvar_; }
    const Tensor& std() const { return std_; }
    const Tensor& var() const { return var_; }

    /// The most likely point.
    const Tensor& mode() const { return mean_; }

    /// mean + std * noise, with standard normal noise [N, C, H, W]: gradients flow through the
    /// cloud to the encoder (the reparameterisation trick).
    Tensor sample(const Tensor& noise) const;

    /// How much this cloud says that Normal(0, 1), or the other one, does not: the
    /// Kullback-Leibler divergence in nats, summed over C, H, W. [N]
    Tensor kl() const;
    Tensor kl(const DiagonalGaussian& other) const;

    /// How surprising a point is: -log q(z), summed over C, H, W. z [N, C, H, W] -> [N]
    Tensor nll(const Tensor& z) const;

private:
    bool deterministic_;
    Tensor moments_, mean_, logvar_, std_, var_;
};

/// The divergence of Normal(mean1, exp(logvar1)) from Normal(mean2, exp(logvar2)), number by
/// number; shapes broadcast (normal_kl in distributions.py).
Tensor normal_kl(const Tensor& mean1, const Tensor& logvar1, const Tensor& mean2,
                 const Tensor& logvar2);

}  // namespace ldm::vae
