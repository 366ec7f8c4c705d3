#pragma once

#include "chapters/02_vae/gaussian.h"
#include "chapters/09_training/losses/adversarial_loss.h"
#include "chapters/09_training/losses/reconstruction_loss.h"

namespace ldm::train {

/// The loss of AutoencoderKL (ldm's losses/contperceptual.py). Two optimizers take turns: that of
/// the autoencoder (the generator) minimizes
///
///     loss = nll + kl_weight kl + d_weight factor g
///
///     nll = sum(r / exp(logvar) + logvar) / N      r: total of ReconstructionLoss
///     kl  = sum(KL(posterior, Normal(0, 1))) / N
///     g   = -mean(D(rec))
///
/// that of the discriminator AdversarialLoss::d_loss. Sums run over everything, N
/// pictures divide them, so a large picture weighs more than its KL: see kl_weight of the published
/// models, 1e-6.
///
///     Tape tape;                                            // watches the autoencoder's weights
///     const auto posterior = autoencoder.encode(x);
///     const Tensor rec = autoencoder.decode(posterior.sample(noise));
///     const LastLayer last_layer{tape, weights.get("decoder.conv_out.weight", …)};
///     const auto g = loss.generator(x, rec, posterior, step, &last_layer);
///     const Gradients gradients = tape.backward(g.loss, Tensor::scalar(1));
///
/// Keys logvar [], perceptual_loss.…, discriminator.…
class LPIPSWithDiscriminator {
public:
    struct Config {
        float kl_weight = 1.0f;
        ReconstructionLoss::Config reconstruction;
        AdversarialLoss::Config adversarial_loss;

        /// Upstream's keys: disc_start, logvar_init, kl_weight, pixelloss_weight, disc_num_layers,
        /// disc_in_channels, disc_factor, disc_weight, perceptual_weight, use_actnorm, disc_loss;
        /// and disc_ndf and idle_before_start. Throws an Error that names another one. logvar_init
        /// sets the weight logvar when it is made, and pixelloss_weight has no effect, as upstream.
        static Config from_json(const io::Json& json);
    };

    LPIPSWithDiscriminator(const nn::Params& weights, const Config& config);

    /// What the generator's optimizer minimizes, and the numbers of upstream's log.
    struct GeneratorLoss {
        /// []; its gradient flows to rec, the posterior and logvar
        Tensor loss;
        float total_loss = 0.0f;
        float logvar = 0.0f, kl_loss = 0.0f, nll_loss = 0.0f, rec_loss = 0.0f;
        float d_weight = 0.0f, disc_factor = 0.0f, g_loss = 0.0f;
    };

    /// x, rec [N, 3, H, W]. Without `last_layer` d_weight is 0, as in upstream's validation.
    GeneratorLoss generator(const Tensor& x, const Tensor& rec,
                            const vae::DiagonalGaussian& posterior, int global_step,
                            const LastLayer* last_layer = nullptr, Mode mode = Mode::train);

    DiscriminatorLoss discriminator(const Tensor& x, const Tensor& rec, int global_step,
                                    Mode mode = Mode::train) {
        return adversarial_loss_.d_loss(x, rec, global_step, mode);
    }

    /// The logarithm of the variance that a pixel is allowed, []: a weight, though upstream trains
    /// it only when told to.
    const Tensor& logvar() const { return logvar_; }

private:
    Config config_;
    Tensor logvar_;
    ReconstructionLoss reconstruction_;
    AdversarialLoss adversarial_loss_;
};

}  // namespace ldm::train
