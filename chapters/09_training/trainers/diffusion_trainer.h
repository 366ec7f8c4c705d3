#pragma once

#include <optional>

#include "chapters/01_ddpm/losses.h"
#include "chapters/03_clip/text_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/trainers/base_model.h"
#include "chapters/09_training/trainers/posterior_cache.h"
#include "chapters/09_training/trainers/timestep_sampler.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains the UNet of a latent diffusion model to predict noise (or x0, or v), and if wanted the
/// text encoder that conditions it (ldm's ddpm.py: LatentDiffusion). The autoencoder is that of the
/// initial model, frozen. So is CLIP: a new UNet begins with a copy of CLIP's text tower.
///
/// Own keys of the configuration:
///
///     "unet_config"         UNetModel's; by default that of the initial model
///     "schedule"            beta_schedule, timesteps, linear_start, linear_end, parameterization
///     "loss"                loss_type, l_simple_weight, original_elbo_weight
///     "timestep_sampling"   TimestepSampler::Config
///     "train_text_encoder"  whether the text encoder is trained too (false)
///     "scale_factor"        by default the model's; without either 1 / the standard deviation of
///                           the latents
///     "lora"                {"rank", "alpha", "layers"}: train a LoRA, with the weights frozen;
///     the
///                           folder model/ then has a lora.safetensors only
///     "parallel_micro_batches"  how many of a step's micro-batches ("accumulate_grad_batches") are
///                           computed at the same time, each on one thread (1)
///     "sampler"             {"name", "steps", "cfg_scale"} for sample(), and the model's defaults;
///                           more steps than the schedule has are an Error
class DiffusionTrainer : public Trainer {
public:
    static const std::vector<std::string>& own_keys();

    /// `examples`: sample() draws pictures from the captions of the first.
    DiffusionTrainer(const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
                     std::vector<Batch> examples);

    StepResult step(std::int64_t step, std::span<const Batch> batches,
                    double learning_rate) override;

    /// What one micro-batch is made of: latents [N, C, h, w] of unit variance, token ids [N, S],
    /// times [N], noise of the latents' shape.
    struct Sample {
        Tensor z, ids, t, noise;
    };
    StepResult step_on(std::span<const Sample> samples, double learning_rate);

    std::vector<std::string> columns() const override { return {"loss_simple", "grad_norm"}; }
    Weights state() override { return optimized_->state(); }
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    void load_first_stage(const io::Json& json, const std::vector<Batch>& examples);
    void load_text_encoder();
    void make_unet(const io::Json& json);
    Tensor ids_of(const std::vector<std::string>& captions) const;
    Tensor context_of(const Tensor& ids) const;
    pipeline::ConditionedModel unet() const;
    bool is_trained(const std::string& name) const;

    TrainingConfig config_;
    io::Json unet_config_, schedule_config_, sampler_;
    nn::ModelSource model_;
    ddpm::Schedule schedule_;
    ddpm::LossConfig loss_config_;
    TimestepSampler timesteps_;
    bool train_text_encoder_;
    int parallel_micro_batches_;
    text::ClipTokenizer tokenizer_;
    std::int64_t length_ = 0;
    std::vector<Batch> examples_;

    std::optional<PosteriorCache> posteriors_;
    std::optional<pipeline::FirstStageDecoder> decoder_;
    std::optional<clip::TextEncoder> text_encoder_;
    std::optional<unet::UNetModel> unet_;
    float scale_factor_ = 0.0f;
    // weights of UNet and text encoder by their full names, trained or frozen
    Weights all_;
    Lora lora_;
    std::optional<OptimizedWeights> optimized_;
};

}  // namespace ldm::train
