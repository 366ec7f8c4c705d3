#pragma once

#include <functional>
#include <optional>

#include "chapters/03_clip/towers.h"
#include "chapters/09_training/trainers/base_model.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains CLIP's two towers by contrastive learning: within a batch the similarity of a caption and
/// its own picture should exceed that of all other pairs (InfoNCE; chapter 03's contrastive_loss;
/// transformers' CLIPModel).
///
/// Own keys of the configuration:
///
///     "cond_stage_config"   text_config, vision_config, projection_dim, image_mean, image_std; by
///                           default that of the initial model
///     "vocabulary"          merges.txt of the tokenizer; by default the model's. (`ldm train` also
///                           takes how many merges to learn from the captions, and puts the file
///                           into its folder.)
///     "train_text"          false: the text tower is frozen; the image tower and both projections
///                           are trained ("LiT" with the towers exchanged; Zhai et al., 2022). The
///                           features of every caption are then constant, so each picture is
///                           contrasted with all of them
class ClipTrainer : public Trainer {
public:
    static const std::vector<std::string>& own_keys();

    /// `captions` are those of all pictures, indexed as Batch::files does.
    ClipTrainer(const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
                std::vector<Batch> examples, const std::vector<std::string>& captions);

    StepResult step(std::int64_t step, std::span<const Batch> batches,
                    double learning_rate) override;

    /// One step on given token ids [N, S] and pictures [N, 3, H, W] in [-1, 1], for comparisons.
    StepResult step_on(std::span<const Tensor> ids, std::span<const Tensor> pictures,
                       double learning_rate);

    std::vector<std::string> columns() const override { return {"accuracy"}; }
    Weights state() override { return optimized_->state(); }
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    struct Contrast {
        Tensor loss;  // []
        /// [N, N], one row for each caption of a batch, one column for each picture
        Tensor logits;
    };
    Contrast contrast_in_batch(const Tensor& ids, const Tensor& pictures) const;
    Contrast contrast_with_all_captions(const Batch& batch) const;
    StepResult step_on(std::size_t batches, double learning_rate,
                       const std::function<Contrast(std::size_t)>& contrast);

    void encode_captions(const std::vector<std::string>& captions);
    Tensor ids_of(const std::vector<std::string>& captions) const;
    Tensor image_features(const Tensor& pictures) const;

    io::Json cond_stage_config_;
    nn::ModelSource model_;
    Device device_;
    std::filesystem::path merges_;
    text::ClipTokenizer tokenizer_;
    clip::Towers towers_;
    std::vector<Batch> examples_;
    bool train_text_;

    std::optional<clip::ClipModel> clip_;
    Weights all_;
    std::optional<OptimizedWeights> optimized_;
    // with train_text false: pooled features [M, D] of every distinct caption
    Tensor caption_features_;
    // and the row of them that belongs to each picture
    std::vector<std::int32_t> caption_of_file_;
};

}  // namespace ldm::train
