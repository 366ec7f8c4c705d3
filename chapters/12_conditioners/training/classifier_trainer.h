#pragma once

#include <memory>
#include <optional>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/09_training/trainers/encoded_pictures.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"
#include "chapters/12_conditioners/encoder_unet.h"
#include "common/nn/model_source.h"

namespace ldm::conditioners {

/// Trains a classifier of noisy latents (ldm/models/diffusion/classifier.py:
/// NoisyLatentImageClassifier): the cross entropy of the classes of pictures whose latents are
/// noised up to a uniformly drawn time step. First stage, scale factor and schedule are those of
/// the initial model, whose sampler it is to guide.
///
/// Own key of the configuration:
///
///     "classifier_config"   EncoderUNetModel's arguments but for in_channels and out_channels,
///                           which are the latents' channels and the number of classes
class ClassifierTrainer : public train::Trainer {
public:
    static const std::vector<std::string>& own_keys();

    /// `examples`: sample() shows what it says of the first.
    ClassifierTrainer(const io::Json& json, const train::TrainingConfig& config,
                      nn::ModelSource model, std::vector<train::Batch> examples,
                      const train::PictureFolder& pictures);

    train::StepResult step(std::int64_t step, std::span<const train::Batch> batches,
                           double learning_rate) override;
    std::vector<std::string> columns() const override {
        return {"accuracy", "accuracy_top5", "grad_norm"};
    }
    train::Weights state() override { return optimized_->state(); }
    image::Image sample() override;
    void write_model(const std::filesystem::path& folder) override;

private:
    void load_first_stage();
    void make_classifier(const io::Json& json);
    Tensor labels_of(const train::Batch& batch) const;
    Tensor noisy(const Tensor& z, const Tensor& t, random::TorchGenerator& random) const;

    train::TrainingConfig config_;
    nn::ModelSource model_;
    ddpm::Schedule schedule_;
    std::vector<train::Batch> examples_;
    std::vector<std::string> class_names_;
    std::vector<std::int32_t> label_of_file_;
    std::unique_ptr<const pipeline::FirstStageEncoder> encoder_;
    std::optional<train::EncodedPictures> encoded_;
    io::Json classifier_config_;
    train::Weights all_;
    std::optional<EncoderUNetModel> classifier_;
    std::optional<train::OptimizedWeights> optimized_;
};

}  // namespace ldm::conditioners
