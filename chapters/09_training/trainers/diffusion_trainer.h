#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "chapters/01_ddpm/losses.h"
#include "chapters/07_unet/diffusion_wrapper.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/trainers/base_model.h"
#include "chapters/09_training/trainers/encoded_pictures.h"
#include "chapters/09_training/trainers/timestep_sampler.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_condition.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains the UNet of a latent diffusion model to predict noise (or x0, or v), and what encodes its
/// conditions, as far as that is trained (ldm's ddpm.py: LatentDiffusion). The first stage is that
/// of the initial model, frozen. So is CLIP: a new UNet begins with a copy of CLIP's text tower.
///
/// Own keys of the configuration:
///
///     "unet_config"         UNetModel's; by default that of the initial model
///     "schedule"            beta_schedule, timesteps, linear_start, linear_end, parameterization
///     "loss"                loss_type, l_simple_weight, original_elbo_weight
///     "timestep_sampling"   TimestepSampler::Config
///     "conditioning_key"    where the UNet takes its conditions (DiffusionWrapper); null: it has
///                           none. By default that of the initial model, or "crossattn"
///     "cond_stage_config", "cond_stage_key"  what the conditions are (pipeline::conditions_from);
///                           by default those of the initial model
///     "ignore_keys"         prefixes of names: such weights of the initial model are left out,
///                           ["model."] to begin with a new UNet
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

    /// `examples`: sample() draws pictures from the conditions of the first. `kinds` are the
    /// conditions that there can be, made from `pictures`, where they need them.
    DiffusionTrainer(const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
                     std::vector<Batch> examples, const ConditionKinds& kinds = caption_condition(),
                     const PictureFolder* pictures = nullptr);

    StepResult step(std::int64_t step, std::span<const Batch> batches,
                    double learning_rate) override;

    /// What one micro-batch is made of: latents [N, C, h, w] of unit variance, what each condition
    /// has prepared (of captions token ids [N, S]), times [N], noise of the latents' shape.
    struct Sample {
        Tensor z;
        std::vector<Tensor> conditions;
        Tensor t, noise;
    };
    StepResult step_on(std::span<const Sample> samples, double learning_rate);

    std::vector<std::string> columns() const override { return {"loss_simple", "grad_norm"}; }
    Weights state() override { return optimized_->state(); }
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    void load_first_stage(const io::Json& json, const std::vector<Batch>& examples);
    void make_conditions(const ConditionKinds& kinds, const PictureFolder* pictures);
    io::Json class_names(const PictureFolder* pictures) const;
    void make_unet(const io::Json& json);
    unet::Conditioning given(const std::vector<Tensor>& prepared) const;
    pipeline::ConditionedModel unet() const;
    bool is_trained(const std::string& name) const;

    TrainingConfig config_;
    // the settings of the new model
    io::Json unet_config_, schedule_config_, sampler_, conditioning_;
    nn::ModelSource model_;
    ddpm::Schedule schedule_;
    ddpm::LossConfig loss_config_;
    TimestepSampler timesteps_;
    bool train_text_encoder_;
    int parallel_micro_batches_;
    std::vector<Batch> examples_;

    std::unique_ptr<const pipeline::FirstStageEncoder> encoder_;
    std::optional<EncodedPictures> encoded_;
    std::optional<pipeline::FirstStageDecoder> decoder_;
    std::vector<std::unique_ptr<const TrainingCondition>> conditions_;
    std::optional<unet::DiffusionWrapper> unet_;
    float scale_factor_ = 0.0f;
    // weights of the UNet and of what encodes its conditions, by their full names; and those of
    // them that are trained
    Weights all_, trained_conditions_;
    Lora lora_;
    std::optional<OptimizedWeights> optimized_;
};

}  // namespace ldm::train
