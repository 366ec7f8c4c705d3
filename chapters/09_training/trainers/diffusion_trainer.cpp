#include "chapters/09_training/trainers/diffusion_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "chapters/03_clip/towers.h"
#include "chapters/08_ldm_pipeline/samplers.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "chapters/09_training/trainers/parallel_micro_batches.h"
#include "chapters/09_training/trainers/step_noise.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

constexpr const char* unet_prefix = "model.diffusion_model";
constexpr std::string_view cond_prefix = "cond_stage_model", text_tower = "transformer.";
constexpr int default_sampler_steps = 30;
constexpr float default_cfg_scale = 3.0f;

/// The model's own schedule, with the settings of the training on top.
io::Json schedule_of(const io::Json& json, const nn::ModelSource& model) {
    io::Json schedule = ddpm::Schedule::settings_in(model.config());
    const io::Json changes = io::get_or(json, "schedule", io::Json::object());
    // what makes new betas takes the place of given ones, also in the folder of the new model
    for (const char* key : {"beta_schedule", "timesteps", "linear_start", "linear_end", "cosine_s"})
        if (changes.contains(key) && schedule.contains("given_betas"))
            schedule["given_betas"] = nullptr;
    schedule.update(changes);
    return schedule;
}

/// Weights between hidden layers: neither embedding tables nor the first and last convolution.
bool is_hidden_layer(const std::string& name) {
    return name.find("embedding") == std::string::npos &&
           name.find("input_blocks.0.") == std::string::npos &&
           name.find("diffusion_model.out.") == std::string::npos;
}

/// What says how the new model is conditioned: the settings of the training, else those of the
/// initial model.
io::Json conditioning_of(const io::Json& json, const nn::ModelSource& model) {
    io::Json conditioning = {{"conditioning_key", "crossattn"}};
    const bool is_new = json.contains("conditioning_key") || json.contains("cond_stage_config");
    for (const char* key : {"conditioning_key", "cond_stage_config", "cond_stage_key"})
        if (json.contains(key))
            conditioning[key] = json[key];
        else if (!is_new && model.config().contains(key))
            conditioning[key] = model.config()[key];
    // so that nothing is left of the initial model's
    if (is_new && !conditioning.contains("cond_stage_config"))
        conditioning["cond_stage_config"] = conditioning["conditioning_key"].is_null()
                                                ? io::Json("__is_unconditional__")
                                                : io::Json{{"target", "torch.nn.Identity"}};
    return conditioning;
}

/// Initial weights by the names below diffusion_model.
MakeWeight new_unet(std::uint64_t seed) {
    return
        [make = initial_weights(unet_rules(), seed)](const std::string& name, const Shape& shape) {
            return make(name.substr(name.find('.') + 1), shape);
        };
}

/// The standard deviation of all numbers of x.
double standard_deviation(const Tensor& x) {
    return std::sqrt(ops::mean(ops::square(x - ops::mean(x))).item());
}

std::unique_ptr<ddpm::Sampler> sampler_from(const io::Json& settings,
                                            const ddpm::Schedule& schedule) {
    const auto& kind = find_sampler(pipeline::samplers(), io::get_or(settings, "name", "ddim"));
    return kind.make(schedule, {.steps = io::get_or(settings, "steps", default_sampler_steps)});
}

/// Throws unless sample() can use the settings: found now, not after hours of training.
void expect_usable(const io::Json& sampler, const ddpm::Schedule& schedule) {
    const int steps = io::get_or(sampler, "steps", default_sampler_steps);
    if (steps < 1 || steps > schedule.timesteps())
        throw Error(fmt::format(
            "'sampler' makes {} steps, but the schedule has {} time steps: set \"steps\" in "
            "\"sampler\" to 1 to {}",
            steps, schedule.timesteps(), schedule.timesteps()));
    (void)sampler_from(sampler, schedule);
    (void)io::get_or(sampler, "cfg_scale", default_cfg_scale);
}

}  // namespace

const std::vector<std::string>& DiffusionTrainer::own_keys() {
    static const std::vector<std::string> keys = {
        "unet_config",       "schedule",           "loss",
        "timestep_sampling", "scale_factor",       "lora",
        "sampler",           "conditioning_key",   "cond_stage_config",
        "cond_stage_key",    "train_text_encoder", "parallel_micro_batches",
        "ignore_keys"};
    return keys;
}

DiffusionTrainer::DiffusionTrainer(const io::Json& json, const TrainingConfig& config,
                                   nn::ModelSource model, std::vector<Batch> examples,
                                   const ConditionKinds& kinds, const PictureFolder* pictures)
    : config_(config),
      unet_config_(io::get_or(json, "unet_config", model.setting("unet_config"))),
      schedule_config_(schedule_of(json, model)),
      sampler_(io::get_or(json, "sampler", model.setting("sampler"))),
      conditioning_(conditioning_of(json, model)),
      model_(std::move(model)),
      schedule_(ddpm::Schedule::from_json(schedule_config_)),
      loss_config_(ddpm::loss_config_from_json(io::get_or(json, "loss", io::Json::object()))),
      timesteps_(schedule_, TimestepSampler::from_json(
                                io::get_or(json, "timestep_sampling", io::Json::object()))),
      train_text_encoder_(io::get_or(json, "train_text_encoder", false)),
      // a GPU has one stream
      parallel_micro_batches_(
          config.device == Device::cpu ? io::get_or(json, "parallel_micro_batches", 1) : 1),
      examples_(std::move(examples)) {
    expect_usable(sampler_, schedule_);
    model_.use({.device = config_.device});
    for (const auto& prefix : io::get_or(json, "ignore_keys", std::vector<std::string>()))
        model_.checkpoint().remove(prefix);
    load_first_stage(json, examples_);
    make_conditions(kinds, pictures);
    make_unet(json);
    model_.check();
    optimized_.emplace(lora_.empty()
                           ? select(all_, [&](const std::string& name) { return is_trained(name); })
                           : trained_weights(lora_),
                       config.optimized, is_hidden_layer);
}

void DiffusionTrainer::load_first_stage(const io::Json& json, const std::vector<Batch>& examples) {
    const io::Json first_stage = model_.setting("first_stage_config");
    if (first_stage.empty())
        throw Error(
            "the initial model has no autoencoder: train one first, or name a model with "
            "--init");
    const auto sizes = pipeline::FirstStageConfig::from_json(first_stage);
    const nn::Params weights = model_.weights("first_stage_model");
    const auto encoder = [&](float scale_factor) {
        encoder_ = std::make_unique<pipeline::FirstStageEncoder>(weights, sizes, scale_factor);
        encoded_.emplace(encoder_->encoder(), config_.data, config_.device);
    };
    scale_factor_ = io::get_or(json, "scale_factor", 0.0f);
    if (const io::Json inherited = model_.setting("scale_factor");
        scale_factor_ == 0.0f && inherited.is_number())
        scale_factor_ = inherited.get<float>();
    if (scale_factor_ == 0.0f) {
        encoder(1.0f);
        std::vector<Tensor> means;
        for (const Batch& batch : examples) means.push_back(encoder_->mean((*encoded_)(batch)));
        scale_factor_ = static_cast<float>(1.0 / standard_deviation(ops::concat(means, 0)));
    }
    encoder(scale_factor_);
    decoder_.emplace(weights, sizes, scale_factor_);
}

void DiffusionTrainer::make_conditions(const ConditionKinds& kinds, const PictureFolder* pictures) {
    const auto conditions = pipeline::conditions_from(conditioning_);
    if (conditions.empty() && !conditioning_["conditioning_key"].is_null())
        throw Error(
            "the initial model has no text tower: train one first, name a model with --init, or "
            "say with 'cond_stage_config' what else conditions it");
    if (const io::Json clip = clip::Towers::settings_in(model_.config());
        conditioning_.contains("cond_stage_config") && conditioning_["cond_stage_config"] != clip &&
        model_.has(clip::place_in_model))
        conditioning_["clip_config"] = clip;
    if (std::ranges::count(conditions, "class_label", &pipeline::Condition::key) > 0)
        conditioning_["class_names"] = class_names(pictures);
    conditioning_["unet_config"] = unet_config_;
    // what the initial model has; a text tower begins as a copy of CLIP's, all else anew
    const bool has_any = model_.has(cond_prefix);
    const MakeWeight known = copied_from(model_.weights(cond_prefix)),
                     of_clip = copied_from(model_.weights(clip::place_in_model)),
                     made = initial_weights(condition_rules(), config_.seed);
    const MakeWeight make = [&](const std::string& name, const Shape& shape) {
        if (has_any && model_.weights(cond_prefix).contains(name)) return known(name, shape);
        return name.starts_with(text_tower) ? of_clip(name.substr(text_tower.size()), shape)
                                            : made(name, shape);
    };
    for (const pipeline::Condition& condition : conditions) {
        const auto weights = weights_of(
            [&](const nn::Params& p) {
                conditions_.push_back(
                    find_condition(kinds, condition.key)({.condition = condition,
                                                          .model = model_,
                                                          .config = conditioning_,
                                                          .pictures = pictures,
                                                          .data = config_.data,
                                                          .first_stage = *encoder_,
                                                          .device = config_.device,
                                                          .weights = p}));
            },
            on(make, config_.device));
        add_state(all_, fmt::format("{}.", cond_prefix), weights);
        if (condition.key == "caption" ? train_text_encoder_ : conditions_.back()->is_trained())
            add_state(trained_conditions_, fmt::format("{}.", cond_prefix), weights);
    }
    conditioning_.erase("unet_config");
}

/// The initial model's, else those of the pictures.
io::Json DiffusionTrainer::class_names(const PictureFolder* pictures) const {
    const io::Json known = model_.setting("class_names");
    return known.empty() && pictures ? io::Json(pictures->class_names()) : known;
}

void DiffusionTrainer::make_unet(const io::Json& json) {
    if (unet_config_.empty()) throw Error("'unet_config' is missing: a new UNet needs its sizes");
    const auto sizes = unet::Config::from_json(unet_config_);
    const bool is_new = !model_.has(unet_prefix);
    const auto key = unet::DiffusionWrapper::key_from_json(conditioning_["conditioning_key"]);
    add_state(all_, "model.",
              weights_of([&](const nn::Params& p) { unet_.emplace(p, sizes, key); },
                         is_new ? on(new_unet(config_.seed), config_.device)
                                : copied_from(model_.weights("model"))));
    if (!json.contains("lora")) return;

    if (is_new) throw Error("'lora' adapts a trained UNet: name a model with --init");
    const auto settings = io::get<io::Json>(json, "lora");
    io::expect_only_keys(settings, {"rank", "alpha", "layers"}, "lora");
    const int rank = io::get<int>(settings, "rank");
    const auto unet_only =
        select(all_, [](const std::string& name) { return name.starts_with(unet_prefix); });
    lora_ =
        initial_lora(unet_only, layers_with(io::get_or(settings, "layers", attention_layers)), rank,
                     io::get_or(settings, "alpha", static_cast<float>(rank)), config_.seed);
}

bool DiffusionTrainer::is_trained(const std::string& name) const {
    return name.starts_with(unet_prefix) || trained_conditions_.contains(name);
}

/// What the UNet is given; on the tape in scope, where encoders are trained.
unet::Conditioning DiffusionTrainer::given(const std::vector<Tensor>& prepared) const {
    unet::Conditioning given;
    for (std::size_t i = 0; i < conditions_.size(); ++i) conditions_[i]->add(prepared[i], given);
    return given;
}

/// With a LoRA its change is merged into the weights here, once: under a Tape the merged weights
/// are results of the LoRA's, so this is called anew in every step, after watch().
pipeline::ConditionedModel DiffusionTrainer::unet() const {
    if (lora_.empty())
        return [this](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
            return (*unet_)(x, t, given);
        };
    nn::Checkpoint with_lora;
    add_weights(select(all_, [](const std::string& name) { return name.starts_with(unet_prefix); }),
                lora_, with_lora);
    const auto merged = std::make_shared<const unet::DiffusionWrapper>(
        with_lora.root() / "model", unet::Config::from_json(unet_config_),
        unet::DiffusionWrapper::key_from_json(conditioning_["conditioning_key"]));
    return [merged](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
        return (*merged)(x, t, given);
    };
}

//! [sample]
StepResult DiffusionTrainer::step(std::int64_t step, std::span<const Batch> batches,
                                  double learning_rate) {
    random::TorchGenerator random = step_noise(config_.seed, step);
    std::vector<Sample> samples;
    for (const Batch& batch : batches) {
        const Tensor encoded = (*encoded_)(batch);
        const Shape shape = encoder_->latent_shape(encoded);  // [N, C, h, w]
        Sample sample;
        sample.z = encoder_->sample(encoded, normal(random, shape, config_.device));
        sample.t = ops::to(timesteps_.draw(random, shape[0]), config_.device);
        sample.noise = normal(random, shape, config_.device);
        for (const auto& condition : conditions_)
            sample.conditions.push_back(condition->prepare(batch, random));
        samples.push_back(sample);
    }
    return step_on(samples, learning_rate);
}
//! [sample]

//! [step]
StepResult DiffusionTrainer::step_on(std::span<const Sample> samples, double learning_rate) {
    struct Part {
        Weights gradients;
        double loss, loss_simple;
    };
    const auto gradients_from = [&](std::int64_t i) {
        const auto& [z, conditions, t, noise] = samples[i];
        Tape tape;
        watch(tape, optimized_->weights());
        const auto denoiser = [given = given(conditions), unet = unet()](const Tensor& x_t,
                                                                         const Tensor& at) {
            return unet(x_t, at, given);
        };
        const auto losses =
            ddpm::p_losses(schedule_, loss_config_, denoiser, z, t, noise, timesteps_.logvar());
        // what the fixed logvar adds, whatever the weights are
        const double constant = loss_config_.l_simple_weight * timesteps_.mean_logvar(t);
        return Part{gradients_of(tape.backward(losses.loss), optimized_->weights()),
                    losses.loss.item() - constant, losses.loss_simple.item()};
    };

    const double share = 1.0 / static_cast<double>(samples.size());
    double loss = 0.0, loss_simple = 0.0;
    Weights gradients;
    parallel_micro_batches(std::ssize(samples), parallel_micro_batches_, gradients_from,
                           [&](const Part& part) {
                               accumulate(gradients, part.gradients, share);
                               loss += share * part.loss;
                               loss_simple += share * part.loss_simple;
                           });
    const double norm = optimized_->step(gradients, learning_rate);
    return {loss, {loss_simple, norm}};
}
//! [step]

image::Image DiffusionTrainer::sample() {
    const OptimizedWeights::EmaScope ema(*optimized_);
    const Batch& batch = examples_.front();
    const std::int64_t n = batch.pictures.dim(0);
    random::TorchGenerator random(config_.seed);
    std::vector<Tensor> cond, uncond;
    for (const auto& condition : conditions_) {
        cond.push_back(condition->prepare(batch, random));
        uncond.push_back(condition->unconditional(cond.back()));
    }
    const auto guided = pipeline::with_guidance(
        unet(), given(cond), given(uncond), io::get_or(sampler_, "cfg_scale", default_cfg_scale));

    const ddpm::Noise noise = [&](const Shape& shape) {
        return normal(random, shape, config_.device);
    };
    const Shape shape = encoder_->latent_shape((*encoded_)(batch));
    const Tensor z = sampler_from(sampler_, schedule_)->sample(guided, noise(shape), noise);
    const Tensor pictures = ops::to((*decoder_)(z), Device::cpu);

    std::vector<figures::Tile> tiles;
    for (std::int64_t i = 0; i < n; ++i) tiles.push_back({image::to_image(batch.pictures, i), ""});
    for (std::int64_t i = 0; i < n; ++i)
        tiles.push_back({image::to_image(pictures, i), batch.captions[i].substr(0, 14)});
    return figures::sheet(tiles,
                          {.title = "Pictures of the training, and samples for their captions",
                           .columns = static_cast<int>(n),
                           .row_labels = {"picture", "sample"}})
        .pixels();
}

void DiffusionTrainer::write_model(const std::filesystem::path& folder) {
    if (!lora_.empty()) {
        const OptimizedWeights::EmaScope ema(*optimized_);
        io::Json config = {{"unet_config", unet_config_}};
        config["cond_stage_config"] = model_.setting("cond_stage_config");
        std::filesystem::create_directories(folder);
        write_lora(folder / "lora.safetensors", lora_, config);
        return;
    }
    io::Json config = schedule_config_;
    config["unet_config"] = unet_config_;
    config["scale_factor"] = scale_factor_;
    config.update(conditioning_);
    config["image_size"] = config_.data.width;
    if (!sampler_.empty()) config["sampler"] = sampler_;
    write_model_folder(folder, model_, config, optimized_->with_trained(all_));
}

}  // namespace ldm::train
