#include "chapters/09_training/trainers/trained_autoencoder.h"

#include "chapters/02_vae/vq_model.h"
#include "chapters/09_training/losses/lpips_with_discriminator.h"
#include "chapters/09_training/losses/vq_lpips_with_discriminator.h"

namespace ldm::train {
namespace {

/// What both losses say of the generator.
template <class GeneratorLoss>
TrainedAutoencoder::GeneratorStep step_of(const Tensor& rec, const GeneratorLoss& g,
                                          float latent_loss) {
    return {.rec = rec,
            .loss = g.loss,
            .total_loss = g.total_loss,
            .rec_loss = g.rec_loss,
            .latent_loss = latent_loss,
            .d_weight = g.d_weight,
            .disc_factor = g.disc_factor};
}

/// Latents with a posterior, kept near the standard normal one.
class TrainedKL : public TrainedAutoencoder {
public:
    TrainedKL(const pipeline::FirstStageConfig& first_stage, const io::Json& loss,
              const nn::Params& weights)
        : autoencoder_(weights, first_stage.ddconfig, first_stage.embed_dim),
          loss_(weights / "loss", LPIPSWithDiscriminator::Config::from_json(loss)) {}

    GeneratorStep generator(const Tensor& x, const Tensor& noise, int step,
                            const LastLayer& last_layer) override {
        const vae::DiagonalGaussian posterior = autoencoder_.encode(x);
        const Tensor rec = autoencoder_.decode(posterior.sample(noise));
        const auto g = loss_.generator(x, rec, posterior, step, &last_layer);
        return step_of(rec, g, g.kl_loss);
    }

    DiscriminatorLoss discriminator(const Tensor& x, const Tensor& rec, int step) override {
        return loss_.discriminator(x, rec, step);
    }

    Tensor reconstruct(const Tensor& x) const override {
        return autoencoder_.decode(autoencoder_.encode(x).mode());
    }

    std::string latent_loss_name() const override { return "kl_loss"; }

private:
    vae::AutoencoderKL autoencoder_;
    LPIPSWithDiscriminator loss_;
};

/// Latents that are entries of a codebook, which moves towards them.
class TrainedVQ : public TrainedAutoencoder {
public:
    TrainedVQ(const pipeline::FirstStageConfig& first_stage, const io::Json& loss,
              const nn::Params& weights)
        : model_(weights, {.ddconfig = first_stage.ddconfig,
                           .n_embed = first_stage.n_embed.value(),
                           .embed_dim = first_stage.embed_dim}),
          loss_(weights / "loss", VQLPIPSWithDiscriminator::Config::from_json(loss)) {}

    GeneratorStep generator(const Tensor& x, const Tensor&, int step,
                            const LastLayer& last_layer) override {
        const auto quantized = model_.encode(x);
        const Tensor rec = model_.decode(quantized.z_q);
        const auto g =
            loss_.generator(quantized.loss, x, rec, step, &last_layer, quantized.indices);
        return step_of(rec, g, g.quant_loss);
    }

    DiscriminatorLoss discriminator(const Tensor& x, const Tensor& rec, int step) override {
        return loss_.discriminator(x, rec, step);
    }

    Tensor reconstruct(const Tensor& x) const override {
        return model_.decode(model_.encode(x).z_q);
    }

    std::string latent_loss_name() const override { return "quant_loss"; }

private:
    vae::VQModel model_;
    VQLPIPSWithDiscriminator loss_;
};

}  // namespace

std::unique_ptr<TrainedAutoencoder> make_trained_autoencoder(
    const pipeline::FirstStageConfig& first_stage, const io::Json& loss,
    const nn::Params& weights) {
    if (first_stage.n_embed) return std::make_unique<TrainedVQ>(first_stage, loss, weights);
    return std::make_unique<TrainedKL>(first_stage, loss, weights);
}

}  // namespace ldm::train
