#pragma once

#include <memory>
#include <optional>

#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/09_training/trainers/base_model.h"
#include "chapters/09_training/trainers/trained_autoencoder.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains an AutoencoderKL (ldm's autoencoder.py, with the loss of contperceptual.py) or a VQModel
/// (with that of vqperceptual.py): in every step first the generator, which is the autoencoder,
/// then the discriminator. A discriminator that the initial model has
/// (first_stage_model.loss.discriminator) is trained further.
///
/// Own keys of the configuration:
///
///     "first_stage_config"  {"embed_dim", "ddconfig"}, and of a VQModel "n_embed"; by default that
///                           of the initial model
///     "loss"                arguments of LPIPSWithDiscriminator or VQLPIPSWithDiscriminator;
///                           {"perceptual_weight": 0, "kl_weight": 1e-6} …
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

    /// Reconstructions of pictures [N, 3, H, W] without noise: from the mean of the posterior.
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
    void make_autoencoder(const io::Json& json);
    MakeWeight loss_weights(const io::Json& json, const io::Json& loss,
                            nn::Checkpoint& lpips) const;

    TrainingConfig config_;
    io::Json first_stage_config_;
    nn::ModelSource model_;
    Tensor examples_;
    // the discriminator's learning rate as a multiple of the generator's
    double discriminator_lr_factor_;

    pipeline::FirstStageConfig first_stage_;
    std::unique_ptr<TrainedAutoencoder> autoencoder_;
    // weights of the autoencoder, trained or frozen
    Weights all_;
    // weights of LPIPS and the discriminator
    Weights loss_weights_;
    std::optional<OptimizedWeights> generator_, discriminator_;
    Tensor last_layer_;
};

}  // namespace ldm::train
