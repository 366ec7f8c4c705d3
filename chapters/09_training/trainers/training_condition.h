#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "chapters/07_unet/conditioning.h"
#include "chapters/08_ldm_pipeline/condition.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/09_training/data/batches.h"
#include "common/nn/model_source.h"
#include "common/random/torch_random.h"

/// What a diffusion model is conditioned on while it is trained. This chapter knows captions; those
/// after it add classes, pictures with a hole, pictures in low resolution …

namespace ldm::train {

/// One entry of the list in "cond_stage_config", on batches of a training.
class TrainingCondition {
public:
    virtual ~TrainingCondition() = default;

    /// What of a batch conditions its pictures, N rows: token ids, labels, further channels. What
    /// is left to chance, such as what is dropped for classifier-free guidance, `random` decides.
    /// Depends on no weight that is trained.
    [[nodiscard]] virtual Tensor prepare(const Batch& batch,
                                         random::TorchGenerator& random) const = 0;

    /// In place of prepared rows those of pictures of nothing in particular, for guidance; the rows
    /// themselves for what is never dropped.
    [[nodiscard]] virtual Tensor unconditional(const Tensor& prepared) const { return prepared; }

    /// Adds prepared rows to what the UNet is given; on the tape in scope, where weights are
    /// trained.
    virtual void add(const Tensor& prepared, unet::Conditioning& given) const = 0;

    /// Whether its weights are trained with the UNet, unless the configuration says otherwise.
    [[nodiscard]] virtual bool is_trained() const { return false; }
};

/// What a condition is made from.
struct ConditionSources {
    const pipeline::Condition& condition;
    /// the initial model: its vocabulary, its CLIP
    const nn::ModelSource& model;
    /// settings of the new one: unet_config, conditioning_key, class_names …
    const io::Json& config;
    /// the pictures of the training; none where it is computed on given samples
    const PictureFolder* pictures;
    /// how they come
    const DataConfig& data;
    /// pictures to latents of variance 1; it outlives the condition
    const pipeline::FirstStageEncoder& first_stage;
    Device device;
    /// the prefix cond_stage_model
    const nn::Params& weights;
};

using MakeCondition =
    std::function<std::unique_ptr<const TrainingCondition>(const ConditionSources& from)>;

/// The conditions that a program can train with, by "cond_stage_key".
using ConditionKinds = std::map<std::string, MakeCondition>;

/// "caption": the text tower FrozenCLIPEmbedder.
[[nodiscard]] ConditionKinds caption_condition();

/// kinds.at(key). Throws an Error for one that is not among them, with those that are.
[[nodiscard]] const MakeCondition& find_condition(const ConditionKinds& kinds,
                                                  const std::string& key);

}  // namespace ldm::train
