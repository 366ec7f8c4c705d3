#pragma once

#include <string>

#include "common/tensor/tensor.h"

/// Losses of generative adversarial networks (Goodfellow et al., 2014), from the logits that a
/// discriminator gives to real pictures and to the generator's (fake ones; here reconstructions).
/// Upstream: vqperceptual.py, in taming-transformers and in latent-diffusion.

namespace ldm::train {

enum class DiscLoss {
    /// beyond a logit of +1 (real) or -1 (fake) there is no gradient (Lim and Ye, 2017)
    hinge,
    /// binary cross entropy: the gradient never vanishes
    vanilla
};

/// "hinge" or "vanilla"; another name is an Error.
DiscLoss disc_loss_from(const std::string& name);

/// Hinge loss: 0 when real pictures have logits above 1 and fake ones below -1,
///     (mean relu(1 - real) + mean relu(1 + fake)) / 2.   Logits of any shape -> []
Tensor hinge_d_loss(const Tensor& logits_real, const Tensor& logits_fake);

/// The same with a weight for each picture: the means are taken per picture, and then their
/// weighted mean. Logits [N, 1, h, w], weights [N] -> []
Tensor hinge_d_loss_with_exemplar_weights(const Tensor& logits_real, const Tensor& logits_fake,
                                          const Tensor& weights);

/// (mean softplus(-real) + mean softplus(fake)) / 2: the cross entropy of sigmoid(logit).
Tensor vanilla_d_loss(const Tensor& logits_real, const Tensor& logits_fake);

/// One of the first and the third.
Tensor d_loss(DiscLoss kind, const Tensor& logits_real, const Tensor& logits_fake);

/// What the generator minimizes: -mean(fake).
Tensor g_loss(const Tensor& logits_fake);

/// `value` below the step `threshold`, `weight` from there on.
float adopt_weight(float weight, int global_step, int threshold = 0, float value = 0.0f);

/// How many entries of a codebook of n_embed are used, and how evenly.
struct CodebookUse {
    /// exp of the entropy: n_embed when all are used alike, 1 when one is
    float perplexity;
    /// how many are used at all
    int cluster_use;
};

/// indices [...] int32 in [0, n_embed); another one is an Error.
CodebookUse measure_perplexity(const Tensor& indices, int n_embed);

}  // namespace ldm::train
