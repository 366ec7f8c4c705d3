#pragma once

#include <memory>
#include <string>

#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/09_training/losses/adversarial_loss.h"
#include "common/nn/params.h"

namespace ldm::train {

/// An autoencoder together with the loss that it is trained with, as a trainer sees both: what
/// AutoencoderKL and VQModel (ldm's autoencoder.py) have in common.
class TrainedAutoencoder {
public:
    virtual ~TrainedAutoencoder() = default;

    /// A step of the generator, which is the autoencoder, and the numbers of upstream's log.
    struct GeneratorStep {
        /// the reconstructions [N, 3, H, W]
        Tensor rec;
        /// [], what the generator's optimizer minimizes
        Tensor loss;
        float total_loss = 0.0f, rec_loss = 0.0f;
        /// what keeps the latents in bounds: the KL divergence, or the codebook's loss
        float latent_loss = 0.0f;
        float d_weight = 0.0f, disc_factor = 0.0f;
    };

    /// x [N, 3, H, W]; standard normal noise of the latents' shape, which only a posterior needs.
    /// `last_layer` records the forward pass on the tape in scope.
    virtual GeneratorStep generator(const Tensor& x, const Tensor& noise, int step,
                                    const LastLayer& last_layer) = 0;

    /// The discriminator's loss of pictures and reconstructions [N, 3, H, W].
    virtual DiscriminatorLoss discriminator(const Tensor& x, const Tensor& rec, int step) = 0;

    /// Pictures [N, 3, H, W] through the latents and back, without noise.
    [[nodiscard]] virtual Tensor reconstruct(const Tensor& x) const = 0;

    /// The name of latent_loss in the curve: kl_loss, quant_loss.
    [[nodiscard]] virtual std::string latent_loss_name() const = 0;
};

/// The autoencoder of `first_stage`, AutoencoderKL or with an "n_embed" VQModel. `loss` are the
/// arguments of its loss, LPIPSWithDiscriminator or VQLPIPSWithDiscriminator. `weights` is the
/// prefix of encoder, decoder …; those of the loss are below it as loss.…, as in upstream's
/// checkpoints. Throws an Error that names an unknown argument.
[[nodiscard]] std::unique_ptr<TrainedAutoencoder> make_trained_autoencoder(
    const pipeline::FirstStageConfig& first_stage, const io::Json& loss, const nn::Params& weights);

}  // namespace ldm::train
