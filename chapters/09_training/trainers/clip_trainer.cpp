#include "chapters/09_training/trainers/clip_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "chapters/03_clip/contrastive_loss.h"
#include "chapters/03_clip/position_ids.h"
#include "chapters/03_clip/token_ids.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/io/atomic_file.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

using clip::place_in_model;

/// Cosines are never multiplied by more than 100, or training becomes unstable (Radford et al.,
/// 2021).
const float largest_logit_scale = std::log(100.0f);

/// The text tower itself; text_projection, which maps its output to the space that both towers
/// share, is not part of it.
bool is_text_tower(const std::string& name) { return name.starts_with("text_model."); }

/// Matrices between hidden layers; embedding tables are not.
bool is_hidden_layer(const std::string& name) {
    return name.find("embedding") == std::string::npos;
}

/// Of logits [N, N], one row for each caption: the fraction of captions whose highest logit is that
/// of their own picture.
double accuracy(const Tensor& on_any_device) {
    const Tensor logits = ops::to(on_any_device, Device::cpu);
    const std::int64_t n = logits.dim(0);
    std::int64_t correct = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const float* row = logits.data() + i * n;
        correct += std::max_element(row, row + n) - row == i;
    }
    return static_cast<double>(correct) / static_cast<double>(n);
}

text::ClipTokenizer tokenizer_from(const std::filesystem::path& merges,
                                   const nn::ModelSource& model) {
    return merges.empty() ? model.tokenizer() : text::ClipTokenizer::from_merges_file(merges);
}

}  // namespace

const std::vector<std::string>& ClipTrainer::own_keys() {
    static const std::vector<std::string> keys = {"cond_stage_config", "vocabulary", "train_text"};
    return keys;
}

ClipTrainer::ClipTrainer(const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
                         std::vector<Batch> examples, const std::vector<std::string>& captions)
    : cond_stage_config_(io::get_or(json, "cond_stage_config", model.setting("cond_stage_config"))),
      model_(std::move(model)),
      device_(config.device),
      merges_(io::get_or(json, "vocabulary", "")),
      tokenizer_(tokenizer_from(merges_, model_)),
      examples_(std::move(examples)),
      train_text_(io::get_or(json, "train_text", true)) {
    if (cond_stage_config_.empty())
        throw Error("'cond_stage_config' is missing: without --init the towers need their sizes");
    towers_ = clip::Towers::from_json(cond_stage_config_);
    const clip::ClipModel::Config& sizes = towers_.sizes;
    const auto side = sizes.vision_config.image_size;
    if (config.data.width != side || config.data.height != side)
        throw Error(
            fmt::format("'size' of the data must be the image tower's {} x {}", side, side));
    if (tokenizer_.vocabulary_size() != sizes.text_config.vocab_size)
        throw Error(fmt::format("'vocab_size' is {}, but the vocabulary has {} tokens",
                                sizes.text_config.vocab_size, tokenizer_.vocabulary_size()));
    model_.use({.device = device_});
    all_ =
        weights_of([&](const nn::Params& p) { clip_.emplace(p, sizes); },
                   model_.has(place_in_model)
                       ? copied_from(model_.weights(place_in_model))
                       : on(initial_weights(clip_rules(cond_stage_config_), config.seed), device_));
    model_.check();
    optimized_.emplace(
        select(all_, [&](const std::string& name) { return train_text_ || !is_text_tower(name); }),
        config.optimized, is_hidden_layer);
    if (!train_text_) encode_captions(captions);
}

/// A frozen text tower encodes each distinct caption once.
void ClipTrainer::encode_captions(const std::vector<std::string>& captions) {
    constexpr std::size_t at_once = 64;
    std::vector<std::string> distinct;
    std::map<std::string, std::int32_t> rows;
    for (const std::string& caption : captions) {
        const auto [row, inserted] =
            rows.try_emplace(caption, static_cast<std::int32_t>(rows.size()));
        if (inserted) distinct.push_back(caption);
        caption_of_file_.push_back(row->second);
    }
    std::vector<Tensor> parts;
    for (std::size_t i = 0; i < distinct.size(); i += at_once)
        parts.push_back(clip_->pooled_text(ids_of(
            {distinct.begin() + i, distinct.begin() + std::min(i + at_once, distinct.size())})));
    caption_features_ = ops::concat(parts, 0);
}

Tensor ClipTrainer::ids_of(const std::vector<std::string>& captions) const {
    return ops::to(
        clip::token_ids(tokenizer_, captions, towers_.sizes.text_config.max_position_embeddings),
        device_);
}

Tensor ClipTrainer::image_features(const Tensor& pictures) const {
    return clip_->image_features(clip_->image()(towers_.pixel_values(ops::to(pictures, device_))));
}

ClipTrainer::Contrast ClipTrainer::contrast_in_batch(const Tensor& ids,
                                                     const Tensor& pictures) const {
    const Tensor logits =
        clip_->logits_per_text(clip_->text_features(ids), image_features(pictures));  // [N, N]
    return {clip::contrastive_loss(logits), logits};
}

/// Each picture is contrasted with all captions there are, each caption of the batch with the
/// pictures of the batch.
ClipTrainer::Contrast ClipTrainer::contrast_with_all_captions(const Batch& batch) const {
    std::vector<std::int32_t> rows;
    for (const std::int64_t file : batch.files) rows.push_back(caption_of_file_.at(file));
    const Tensor own_caption = Tensor::ints({std::ssize(rows)}, rows),
                 own_picture = clip::counting_up_to(std::ssize(rows));
    const Tensor all = clip_->logits_per_text(clip_->project_text(caption_features_),
                                              image_features(batch.pictures));  // [M, N]
    const Tensor logits = ops::embedding(own_caption, all);                     // [N, N]
    return {(ops::cross_entropy(logits, own_picture) +
             ops::cross_entropy(ops::permute(all, {1, 0}), own_caption)) /
                2.0f,
            logits};
}

StepResult ClipTrainer::step(std::int64_t, std::span<const Batch> batches, double learning_rate) {
    return step_on(batches.size(), learning_rate, [&](std::size_t i) {
        return train_text_ ? contrast_in_batch(ids_of(batches[i].captions), batches[i].pictures)
                           : contrast_with_all_captions(batches[i]);
    });
}

StepResult ClipTrainer::step_on(std::span<const Tensor> ids, std::span<const Tensor> pictures,
                                double learning_rate) {
    return step_on(ids.size(), learning_rate,
                   [&](std::size_t i) { return contrast_in_batch(ids[i], pictures[i]); });
}

//! [step]
StepResult ClipTrainer::step_on(std::size_t batches, double learning_rate,
                                const std::function<Contrast(std::size_t)>& contrast) {
    const double share = 1.0 / static_cast<double>(batches);
    double mean_loss = 0.0, mean_accuracy = 0.0;
    Weights gradients;
    for (std::size_t i = 0; i < batches; ++i) {
        Tape tape;
        watch(tape, optimized_->weights());
        const auto [loss, logits] = contrast(i);
        accumulate(gradients, gradients_of(tape.backward(loss), optimized_->weights()), share);
        mean_loss += share * loss.item();
        mean_accuracy += share * accuracy(logits);
    }
    optimized_->step(gradients, learning_rate);
    Tensor& logit_scale = all_.at("logit_scale");
    ops::copy_into(logit_scale, ops::clamp(logit_scale, -std::numeric_limits<float>::infinity(),
                                           largest_logit_scale));
    return {mean_loss, {mean_accuracy}};
}
//! [step]

image::Image ClipTrainer::sample() {
    const OptimizedWeights::EmaScope ema(*optimized_);
    const Batch& batch = examples_.front();
    const Tensor logits =
        ops::to(contrast_in_batch(ids_of(batch.captions), batch.pictures).logits, Device::cpu);
    const std::int64_t n = logits.dim(0);
    std::vector<figures::Tile> tiles;
    for (std::int64_t i = 0; i < n; ++i) tiles.push_back({image::to_image(batch.pictures, i), ""});
    for (std::int64_t i = 0; i < n; ++i) {
        const float* row = logits.data() + i * n;
        tiles.push_back({image::to_image(batch.pictures, std::max_element(row, row + n) - row),
                         batch.captions[i].substr(0, 14)});
    }
    return figures::sheet(tiles,
                          {.title = "Retrieval: the most similar picture of each caption",
                           .caption = fmt::format("accuracy {:.0f} %", 100.0 * accuracy(logits)),
                           .columns = static_cast<int>(n),
                           .row_labels = {"its own picture", "most similar picture"}})
        .pixels();
}

void ClipTrainer::write_model(const std::filesystem::path& folder) {
    Weights named;
    add_state(named, std::string(place_in_model) + ".", optimized_->with_trained(all_));
    write_model_folder(folder, model_, {{"cond_stage_config", cond_stage_config_}}, named,
                       merges_.empty() ? "" : io::read_text_file(merges_));
}

}  // namespace ldm::train
