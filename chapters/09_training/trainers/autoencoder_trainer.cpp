#include "chapters/09_training/trainers/autoencoder_trainer.h"

#include <fmt/format.h>

#include "chapters/02_vae/reconstruction.h"
#include "chapters/09_training/losses/lpips_weights.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "chapters/09_training/trainers/step_noise.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

constexpr const char* first_stage_prefix = "first_stage_model";
/// Within the autoencoder, as in upstream's checkpoints.
constexpr std::string_view loss_prefix = "loss.";

/// What latents depend on; of a VQModel the codebook, too, which the decoder reads them with.
bool is_encoder(const std::string& name) {
    return name.starts_with("encoder.") || name.starts_with("quant_conv.") ||
           name.starts_with("quantize.");
}

/// All but the first and last layers of encoder, decoder and discriminator.
bool is_hidden_layer(const std::string& name) {
    return name.find("conv_in") == std::string::npos &&
           name.find("conv_out") == std::string::npos && name.find("quant") == std::string::npos &&
           !name.ends_with("main.0.weight");
}

/// A discriminator is trained by Adam with the betas of upstream's autoencoder.py, whatever trains
/// the generator, and without EMA.
OptimizedWeights::Config discriminator_config(const TrainingConfig& config) {
    return {.optimizer = {{"name", "adam"}, {"betas", {0.5, 0.9}}},
            .max_grad_norm = config.optimized.max_grad_norm};
}

double discriminator_learning_rate(const io::Json& json, const TrainingConfig& config) {
    const char* key = "discriminator_learning_rate";
    if (!json.contains(key)) return config.learning_rate;
    const auto rate = io::get<double>(json, key);
    if (!(rate >= 0.0)) throw Error(fmt::format("'{}' is {}, expected 0 or more", key, rate));
    return config.lr_scale * rate;
}

pipeline::FirstStageConfig first_stage_of(const io::Json& first_stage_config) {
    if (first_stage_config.empty())
        throw Error(
            "'first_stage_config' is missing: without --init an autoencoder needs its sizes");
    return pipeline::FirstStageConfig::from_json(first_stage_config);
}

}  // namespace

const std::vector<std::string>& AutoencoderTrainer::own_keys() {
    static const std::vector<std::string> keys = {"first_stage_config", "loss", "lpips_weights",
                                                  "train_encoder", "discriminator_learning_rate"};
    return keys;
}

AutoencoderTrainer::AutoencoderTrainer(const io::Json& json, const TrainingConfig& config,
                                       nn::ModelSource model, Tensor examples)
    : config_(config),
      first_stage_config_(
          io::get_or(json, "first_stage_config", model.setting("first_stage_config"))),
      model_(std::move(model)),
      examples_(std::move(examples)),
      discriminator_lr_factor_(discriminator_learning_rate(json, config) / config.learning_rate),
      first_stage_(first_stage_of(first_stage_config_)) {
    model_.use({.device = config_.device});
    make_autoencoder(json);
    model_.check();

    const bool train_encoder = io::get_or(json, "train_encoder", true);
    generator_.emplace(
        select(all_, [&](const std::string& name) { return train_encoder || !is_encoder(name); }),
        config.optimized, is_hidden_layer);
    discriminator_.emplace(select(loss_weights_,
                                  [](const std::string& name) {
                                      return name.starts_with("discriminator.") && !is_buffer(name);
                                  }),
                           discriminator_config(config), is_hidden_layer);
}

void AutoencoderTrainer::make_autoencoder(const io::Json& json) {
    const auto loss = io::get_or(json, "loss", io::Json::object());
    nn::Checkpoint lpips;
    const MakeWeight of_loss = loss_weights(json, loss, lpips);
    const MakeWeight of_autoencoder = model_.has(first_stage_prefix)
                                          ? copied_from(model_.weights(first_stage_prefix))
                                          : initial_weights(autoencoder_rules(), config_.seed);
    const MakeWeight make = [&](const std::string& name, const Shape& shape) {
        return name.starts_with(loss_prefix) ? of_loss(name.substr(loss_prefix.size()), shape)
                                             : of_autoencoder(name, shape);
    };
    const Weights made = weights_of(
        [&](const nn::Params& p) {
            autoencoder_ = make_trained_autoencoder(first_stage_, loss, p);
        },
        on(make, config_.device));
    lpips.check("the weights of LPIPS");
    for (const auto& [name, weight] : made)
        if (name.starts_with(loss_prefix))
            loss_weights_[name.substr(loss_prefix.size())] = weight;
        else
            all_[name] = weight;
    last_layer_ = all_.at("decoder.conv_out.weight");
}

/// What makes the weights of the loss: LPIPS', which are added to `lpips`, from files, the
/// discriminator's those of the initial model or new.
MakeWeight AutoencoderTrainer::loss_weights(const io::Json& json, const io::Json& loss,
                                            nn::Checkpoint& lpips) const {
    const float logvar = io::get_or(loss, "logvar_init", 0.0f);
    if (const auto files = io::get_or(json, "lpips_weights", std::vector<std::string>());
        !files.empty())
        add_lpips_weights(lpips, {files.begin(), files.end()}, "perceptual_loss.");
    else if (io::get_or(loss, "perceptual_weight", 1.0f) != 0.0f)
        throw Error(
            "'lpips_weights' is missing: the perceptual loss needs the weights of VGG16 and LPIPS "
            "(\"perceptual_weight\": 0 does without)");

    const std::string in_model = fmt::format("{}.loss", first_stage_prefix);
    const MakeWeight discriminator = model_.has(in_model + ".discriminator")
                                         ? copied_from(model_.weights(in_model))
                                         : initial_weights(discriminator_rules(), config_.seed + 1);
    return
        [=, from_lpips = copied_from(lpips.root())](const std::string& name, const Shape& shape) {
            if (name == "logvar") return Tensor::full(shape, logvar);
            return name.starts_with("perceptual_loss.") ? from_lpips(name, shape)
                                                        : discriminator(name, shape);
        };
}

Shape AutoencoderTrainer::latent_shape(const Tensor& pictures) const {
    const std::int64_t factor = first_stage_.factor();
    return {pictures.dim(0), first_stage_.embed_dim, pictures.dim(2) / factor,
            pictures.dim(3) / factor};
}

StepResult AutoencoderTrainer::step(std::int64_t step, std::span<const Batch> batches,
                                    double learning_rate) {
    random::TorchGenerator random = step_noise(config_.seed, step);
    std::vector<Tensor> pictures, noise;
    for (const Batch& batch : batches) {
        pictures.push_back(ops::to(batch.pictures, config_.device));
        noise.push_back(normal(random, latent_shape(batch.pictures), config_.device));
    }
    return step_on(step, pictures, noise, learning_rate);
}

//! [step]
StepResult AutoencoderTrainer::step_on(std::int64_t step, std::span<const Tensor> pictures,
                                       std::span<const Tensor> noise, double learning_rate) {
    const double share = 1.0 / static_cast<double>(pictures.size());
    double loss = 0.0, rec_loss = 0.0, latent_loss = 0.0, decibels = 0.0, d_weight = 0.0,
           disc_loss = 0.0;
    Weights generator_gradients, discriminator_gradients;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        const Tensor& x = pictures[i];  // [N, 3, H, W]
        Tensor rec;
        {
            Tape tape;
            watch(tape, generator_->weights());
            const auto g =
                autoencoder_->generator(x, noise[i], static_cast<int>(step), {tape, last_layer_});
            rec = g.rec;
            accumulate(generator_gradients,
                       gradients_of(tape.backward(g.loss), generator_->weights()), share);
            loss += share * g.total_loss, rec_loss += share * g.rec_loss,
                latent_loss += share * g.latent_loss;
            d_weight += share * g.d_weight * g.disc_factor;
            decibels += share * vae::psnr(x, ops::clamp(rec, -1.0f, 1.0f));
        }
        Tape tape;
        watch(tape, discriminator_->weights());
        const auto d = autoencoder_->discriminator(x, rec, static_cast<int>(step));
        accumulate(discriminator_gradients,
                   gradients_of(tape.backward(d.loss), discriminator_->weights()), share);
        disc_loss += share * d.disc_loss;
    }
    generator_->step(generator_gradients, learning_rate);
    discriminator_->step(discriminator_gradients, discriminator_lr_factor_ * learning_rate);
    return {loss, {rec_loss, latent_loss, decibels, d_weight, disc_loss}};
}
//! [step]

std::vector<std::string> AutoencoderTrainer::columns() const {
    return {"rec_loss", autoencoder_->latent_loss_name(), "psnr", "d_weight", "disc_loss"};
}

Weights AutoencoderTrainer::state() {
    Weights state;
    add_state(state, "autoencoder.", generator_->state());
    add_state(state, "discriminator.", discriminator_->state());
    add_state(state, "buffers.",
              select(loss_weights_, [](const std::string& name) { return is_buffer(name); }));
    return state;
}

Tensor AutoencoderTrainer::reconstruct(const Tensor& pictures) const {
    const Tensor there = ops::to(pictures, config_.device);
    return ops::to(autoencoder_->reconstruct(there), pictures.device());
}

Tensor AutoencoderTrainer::reconstruct_with_ema(const Tensor& pictures) {
    const OptimizedWeights::EmaScope ema(*generator_);
    return reconstruct(pictures);
}

image::Image AutoencoderTrainer::sample() {
    const Tensor rec = reconstruct_with_ema(examples_);
    std::vector<figures::Tile> tiles;
    for (std::int64_t i = 0; i < examples_.dim(0); ++i)
        tiles.push_back({image::to_image(examples_, i), ""});
    for (std::int64_t i = 0; i < examples_.dim(0); ++i)
        tiles.push_back({image::to_image(rec, i), ""});
    return figures::sheet(
               tiles, {.title = "Pictures and their reconstructions",
                       .caption = fmt::format("PSNR {:.2f} dB",
                                              vae::psnr(examples_, ops::clamp(rec, -1.0f, 1.0f))),
                       .columns = static_cast<int>(examples_.dim(0)),
                       .row_labels = {"picture", "reconstruction"}})
        .pixels();
}

void AutoencoderTrainer::write_model(const std::filesystem::path& folder) {
    Weights named;
    add_state(named, std::string(first_stage_prefix) + ".", generator_->with_trained(all_));
    write_model_folder(
        folder, model_,
        {{"first_stage_config", first_stage_config_}, {"image_size", config_.data.width}}, named);
}

}  // namespace ldm::train
