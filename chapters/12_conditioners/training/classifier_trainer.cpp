#include "chapters/12_conditioners/training/classifier_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/01_ddpm/forward_process.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "chapters/09_training/trainers/base_model.h"
#include "chapters/09_training/trainers/step_noise.h"
#include "common/autograd/tape.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/softmax.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

using namespace train;

constexpr int best = 5;

/// All but the first and the last layer.
bool is_hidden_layer(const std::string& name) {
    return !name.starts_with("input_blocks.0.") && !name.starts_with("out.") &&
           name.find("embedding") == std::string::npos;
}

/// The last layers of residual branches and of the adaptive pool begin at zero, as a UNet's, the
/// positions of attention pooling at random (openaimodel.py: EncoderUNetModel, AttentionPool2d).
Rules classifier_rules(int width) {
    const Init zero{Init::Kind::zero};
    return {{"*.out_layers.3.*", zero},
            {"*.proj_out.*", zero},
            {"out.3.*", zero},
            {"*positional_embedding", Init::normal(1.0 / std::sqrt(width))}};
}

/// The share of rows whose label is among the k largest logits.
double accuracy_of(const Tensor& logits, const Tensor& labels, std::int64_t k) {
    const Tensor here = ops::to(logits, Device::cpu), y = ops::to(labels, Device::cpu);
    const auto [n, classes] = here.dims<2>();
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const float* row = here.data() + i * classes;
        // of equal ones the first counts
        const float* own = row + y.ints()[i];
        const auto before = std::count_if(row, own, [own](float x) { return x >= *own; }) +
                            std::count_if(own, row + classes, [own](float x) { return x > *own; });
        right += before < k;
    }
    return static_cast<double>(right) / static_cast<double>(n);
}

}  // namespace

const std::vector<std::string>& ClassifierTrainer::own_keys() {
    static const std::vector<std::string> keys = {"classifier_config"};
    return keys;
}

ClassifierTrainer::ClassifierTrainer(const io::Json& json, const TrainingConfig& config,
                                     nn::ModelSource model, std::vector<Batch> examples,
                                     const PictureFolder& pictures)
    : config_(config),
      model_(std::move(model)),
      schedule_(ddpm::Schedule::from_model_config(model_.config())),
      examples_(std::move(examples)),
      class_names_(pictures.class_names()) {
    if (class_names_.size() < 2)
        throw Error("the data set has one class only: there is nothing to tell apart");
    for (std::int64_t i = 0; i < pictures.size(); ++i)
        label_of_file_.push_back(static_cast<std::int32_t>(
            std::ranges::find(class_names_, pictures.file(i).class_label) - class_names_.begin()));
    model_.use({.device = config_.device});
    load_first_stage();
    make_classifier(json);
    model_.check();
    optimized_.emplace(all_, config.optimized, is_hidden_layer);
}

void ClassifierTrainer::load_first_stage() {
    if (model_.setting("first_stage_config").empty() || !model_.setting("scale_factor").is_number())
        throw Error(
            "the initial model has no latents yet: name the diffusion model that the classifier is "
            "to guide with --init");
    const auto sizes = pipeline::FirstStageConfig::from_json(model_.setting("first_stage_config"));
    encoder_ = std::make_unique<pipeline::FirstStageEncoder>(
        model_.weights("first_stage_model"), sizes, model_.setting("scale_factor").get<float>());
    encoded_.emplace(encoder_->encoder(), config_.data, config_.device);
}

void ClassifierTrainer::make_classifier(const io::Json& json) {
    classifier_config_ = io::get<io::Json>(json, "classifier_config");
    for (const char* key : {"in_channels", "out_channels"})
        if (classifier_config_.contains(key))
            throw Error(
                fmt::format("classifier_config: leave out '{}', which follows from the "
                            "model and the data set",
                            key));
    classifier_config_["in_channels"] =
        pipeline::FirstStageConfig::from_json(model_.setting("first_stage_config")).embed_dim;
    classifier_config_["out_channels"] = class_names_.size();
    const auto sizes = EncoderUNetModel::Config::from_json(classifier_config_);
    const int width = sizes.unet.model_channels * sizes.unet.channel_mult.back();
    all_ = weights_of([&](const nn::Params& p) { classifier_.emplace(p, sizes); },
                      on(initial_weights(classifier_rules(width), config_.seed), config_.device));
}

Tensor ClassifierTrainer::labels_of(const Batch& batch) const {
    std::vector<std::int32_t> labels;
    for (const std::int64_t file : batch.files) labels.push_back(label_of_file_.at(file));
    return ops::to(Tensor::ints({std::ssize(labels)}, labels), config_.device);
}

Tensor ClassifierTrainer::noisy(const Tensor& z, const Tensor& t,
                                random::TorchGenerator& random) const {
    return ddpm::q_sample(schedule_, z, t, normal(random, z.shape(), config_.device));
}

//! [step]
StepResult ClassifierTrainer::step(std::int64_t step, std::span<const Batch> batches,
                                   double learning_rate) {
    random::TorchGenerator random = step_noise(config_.seed, step);
    const double share = 1.0 / static_cast<double>(batches.size());
    double mean_loss = 0.0, first = 0.0, among_best = 0.0;
    Weights gradients;
    for (const Batch& batch : batches) {
        const Tensor encoded = (*encoded_)(batch);
        const Shape shape = encoder_->latent_shape(encoded);  // [N, C, h, w]
        const Tensor z = encoder_->sample(encoded, normal(random, shape, config_.device));
        std::vector<std::int64_t> times(static_cast<std::size_t>(shape[0]));
        random.randint(0, schedule_.timesteps(), times);
        const Tensor t =
            ops::to(Tensor::ints({shape[0]}, std::vector<std::int32_t>(times.begin(), times.end())),
                    config_.device);
        const Tensor labels = labels_of(batch), x_t = noisy(z, t, random);

        Tape tape;
        watch(tape, optimized_->weights());
        const Tensor logits = (*classifier_)(x_t, t);  // [N, classes]
        const Tensor loss = ops::cross_entropy(logits, labels);
        accumulate(gradients, gradients_of(tape.backward(loss), optimized_->weights()), share);
        mean_loss += share * loss.item();
        first += share * accuracy_of(logits, labels, 1);
        among_best += share * accuracy_of(logits, labels, best);
    }
    const double norm = optimized_->step(gradients, learning_rate);
    return {mean_loss, {first, among_best, norm}};
}
//! [step]

image::Image ClassifierTrainer::sample() {
    const OptimizedWeights::EmaScope ema(*optimized_);
    const Batch& batch = examples_.front();
    const std::int64_t n = batch.pictures.dim(0);
    const Tensor z = encoder_->mean((*encoded_)(batch));
    random::TorchGenerator random(config_.seed);
    std::vector<figures::Tile> tiles;
    std::vector<std::string> rows;
    for (const double share : {0.0, 0.25, 0.5}) {
        const int time = static_cast<int>(share * schedule_.timesteps());
        const Tensor t = ddpm::same_step(z, time);
        const Tensor logits = ops::to((*classifier_)(noisy(z, t, random), t), Device::cpu);
        const std::int64_t classes = logits.dim(1);
        for (std::int64_t i = 0; i < n; ++i) {
            const float* row = logits.data() + i * classes;
            const auto found = std::max_element(row, row + classes) - row;
            tiles.push_back({image::to_image(batch.pictures, i), class_names_[found]});
        }
        rows.push_back(fmt::format("t = {}", time));
    }
    return figures::sheet(tiles, {.title = "What the classifier takes noisy latents for",
                                  .columns = static_cast<int>(n),
                                  .row_labels = rows})
        .pixels();
}

void ClassifierTrainer::write_model(const std::filesystem::path& folder) {
    io::Json config = ddpm::Schedule::settings_in(model_.config());
    config["classifier_config"] = classifier_config_;
    config["class_names"] = class_names_;
    config["scale_factor"] = encoder_->scale_factor();
    Weights named;
    add_state(named, "model.", optimized_->with_trained(all_));
    write_model_folder(folder, nn::ModelSource(), config, named);
}

}  // namespace ldm::conditioners
