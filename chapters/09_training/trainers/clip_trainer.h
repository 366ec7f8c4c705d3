#pragma once

#include <functional>
#include <optional>

#include "chapters/03_clip/towers.h"
#include "chapters/09_training/trainers/model_parts.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains CLIP's two towers against each other: in a batch every caption should find its picture
/// and every picture its caption (chapter 03's contrastive loss; transformers' CLIPModel).
///
/// Own keys of the configuration:
///
///     "cond_stage_config"   text_config, vision_config, projection_dim, image_mean, image_std; by
///                           default that of the initial model
///     "vocabulary"          merges.txt of the tokenizer; by default the model's. (`ldm train` also
///                           takes how many merges to learn from the captions, and puts the file
///                           into its folder.)
///     "train_text"          false: the text tower stays frozen, and the image tower is trained to
///                           match it, as is the projection of the texts ("LiT"; Zhai et al.,
///                           2022). The features of every caption are then known, so each picture
///                           is contrasted with all of them
class ClipTrainer : public Trainer {
public:
    static const std::vector<std::string>& own_keys();

    /// `captions` are those of all pictures, by the numbers that batches have for them.
    ClipTrainer(const io::Json& json, const TrainingConfig& config, ModelParts model,
                std::vector<Batch> examples, const std::vector<std::string>& captions);

    StepResult step(std::int64_t step, std::span<const Batch> batches,
                    double learning_rate) override;

    /// One step on given token ids [N, S] and pictures [N, 3, H, W] in [-1, 1], for comparisons.
    StepResult step_on(std::span<const Tensor> ids, std::span<const Tensor> pictures,
                       double learning_rate);

    std::vector<std::string> columns() const override { return {"text_finds_picture"}; }
    Weights state() override { return optimized_->state(); }
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    struct Answer {
        Tensor loss;  // []
        // [N, N], of each caption and each picture of a batch
        Tensor logits;
    };
    Answer among_batch(const Tensor& ids, const Tensor& pictures) const;
    Answer among_all(const Batch& batch) const;
    StepResult learn(std::size_t batches, double learning_rate,
                     const std::function<Answer(std::size_t)>& answer);

    void encode_captions(const std::vector<std::string>& captions);
    Tensor ids_of(const std::vector<std::string>& captions) const;
    Tensor image_features(const Tensor& pictures) const;

    io::Json cond_stage_config_;
    ModelParts model_;
    Device device_;
    std::filesystem::path merges_;
    text::ClipTokenizer tokenizer_;
    clip::Towers towers_;
    std::vector<Batch> examples_;
    bool train_text_;

    std::optional<clip::ClipModel> clip_;
    Weights all_;
    std::optional<OptimizedWeights> optimized_;
    // [M, D], pooled, of every different caption; with train_text false
    Tensor all_texts_;
    // which of them
    std::vector<std::int32_t> row_of_file_;
};

}  // namespace ldm::train
