#pragma once

#include <optional>

#include "chapters/01_ddpm/losses.h"
#include "chapters/03_clip/text_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/trainers/latents_of_pictures.h"
#include "chapters/09_training/trainers/model_parts.h"
#include "chapters/09_training/trainers/time_steps.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains the UNet of a latent diffusion model to tell noise from latent, and if wanted the text
/// tower it listens to (ldm's ddpm.py: LatentDiffusion). The autoencoder is taken from the model it
/// begins with and stays what it is. So does CLIP: a UNet that is new begins with a copy of CLIP's
/// text tower.
///
/// Own keys of the configuration:
///
///     "unet_config"         UNetModel's; by default that of the initial model
///     "schedule"            beta_schedule, timesteps, linear_start, linear_end, parameterization
///     "loss"                loss_type, l_simple_weight, original_elbo_weight
///     "times"               TimeSteps::Config
///     "train_text_encoder"  whether the text tower is trained too (false)
///     "scale_factor"        by default the model's; without either 1 / the standard deviation of
///                           the latents
///     "lora"                {"rank", "alpha", "layers"}: train a LoRA instead of the weights
///                           themselves; the folder model/ then has a lora.safetensors only
///     "parallel_micro_batches"  how many of a step's batches ("accumulate") are computed at the
///                           same time, each on one thread (1)
///     "sampler"             {"name", "steps", "cfg_scale"} for sample(), and the defaults of the
///                           model
class DiffusionTrainer : public Trainer {
public:
    static const std::vector<std::string>& own_keys();

    /// `examples`: what sample() draws the captions of.
    DiffusionTrainer(const io::Json& json, const TrainingConfig& config, ModelParts model,
                     std::vector<Batch> examples);

    StepResult step(std::int64_t step, std::span<const Batch> batches,
                    double learning_rate) override;

    /// What one step learns from: latents [N, C, h, w] of unit variance, token ids [N, S], times
    /// [N], noise of the latents' shape.
    struct Sample {
        Tensor z, ids, t, noise;
    };
    StepResult step_on(std::span<const Sample> samples, double learning_rate);

    std::vector<std::string> columns() const override { return {"loss_simple", "grad_norm"}; }
    Weights state() override { return optimized_->state(); }
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    void take_over_autoencoder(const io::Json& json, const std::vector<Batch>& examples);
    void take_over_text_encoder();
    void make_unet(const io::Json& json);
    Tensor ids_of(const std::vector<std::string>& captions) const;
    Tensor context_of(const Tensor& ids) const;
    ddpm::Denoiser denoiser(const Tensor& context) const;
    bool is_trained(const std::string& name) const;

    TrainingConfig config_;
    io::Json unet_config_, schedule_config_, sampler_;
    ModelParts model_;
    ddpm::Schedule schedule_;
    ddpm::LossConfig loss_config_;
    TimeSteps times_;
    bool train_text_encoder_;
    int micro_batches_at_once_;
    text::ClipTokenizer tokenizer_;
    std::int64_t length_ = 0;
    std::vector<Batch> examples_;

    std::optional<LatentsOfPictures> latents_;
    std::optional<pipeline::FirstStageDecoder> generator_;
    std::optional<clip::TextEncoder> text_encoder_;
    std::optional<unet::UNetModel> unet_;
    float scale_factor_ = 0.0f;
    // of UNet and text tower by their full names, trained or not
    Weights all_;
    Lora lora_;
    std::optional<OptimizedWeights> optimized_;
};

}  // namespace ldm::train
