#pragma once

#include <optional>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/09_training/losses/lpips_with_discriminator.h"
#include "chapters/09_training/trainers/base_model.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains an AutoencoderKL (ldm's autoencoder.py, with the loss of contperceptual.py): in every
/// step first the generator, which is the autoencoder, then the discriminator. A discriminator that
/// the initial model has (first_stage_model.loss.discriminator) is trained further.
///
/// Own keys of the configuration:
///
///     "first_stage_config"  {"embed_dim", "ddconfig"}; by default that of the initial model
///     "loss"                LPIPSWithDiscriminator::Config; {"perceptual_weight": 0,
///                           "kl_weight": 1e-6} …
///     "lpips_weights"       files for add_lpips_weights(), with a perceptual_weight
///     "train_encoder"       false: the encoder is frozen, so a UNet trained on its latents stays
///                           valid
///     "discriminator_learning_rate"  by default "learning_rate"
class AutoencoderTrainer : public Trainer {
public:
    static const std::vector<std::string>& own_keys();

    /// `examples` [N, 3, H, W] are what sample() shows.
    AutoencoderTrainer(const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
                       Tensor examples);

    StepResult step(std::int64_t step, std::span<const Batch> batches,
                    double learning_rate) override;

    /// One step on given pictures [N, 3, H, W] and noise of the latents' shape, for comparisons.
    StepResult step_on(std::int64_t step, std::span<const Tensor> pictures,
                       std::span<const Tensor> noise, double learning_rate);

    /// Reconstructions of pictures [N, 3, H, W] from the mean of the posterior.
    Tensor reconstruct(const Tensor& pictures) const;

    /// The same with the EMA of the weights.
    Tensor reconstruct_with_ema(const Tensor& pictures);

    /// The shape of the latents of such pictures.
    Shape latent_shape(const Tensor& pictures) const;

    std::vector<std::string> columns() const override;
    Weights state() override;
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    void make_autoencoder();
    void make_loss(const io::Json& json);

    TrainingConfig config_;
    io::Json first_stage_config_;
    nn::ModelSource model_;
    Tensor examples_;
    // the discriminator's learning rate as a multiple of the generator's
    double discriminator_lr_factor_;

    std::optional<vae::AutoencoderKL> autoencoder_;
    std::optional<LPIPSWithDiscriminator> loss_;
    // weights of the autoencoder, trained or frozen
    Weights all_;
    // weights of LPIPS and the discriminator
    Weights loss_weights_;
    std::optional<OptimizedWeights> generator_, discriminator_;
    Tensor last_layer_;
};

}  // namespace ldm::train
