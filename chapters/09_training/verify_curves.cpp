#include "chapters/09_training/verify_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>

#include "chapters/09_training/losses/lpips_with_discriminator.h"
#include "chapters/09_training/trainers/autoencoder_trainer.h"
#include "chapters/09_training/trainers/clip_trainer.h"
#include "chapters/09_training/trainers/diffusion_trainer.h"
#include "common/ops/transfer.h"
#include "common/random/procgen.h"

namespace ldm::train {
namespace {

using io::Json;

/// One number for each picture of each part of each step, [steps, parts, N]: which of the stored
/// pictures it is, or its time.
class Plan {
public:
    explicit Plan(const Tensor& numbers) : numbers_(ops::to(numbers, Device::cpu)) {}

    std::int64_t parts() const { return numbers_.dim(1); }

    /// [N]
    Tensor at(std::int64_t step, std::int64_t part) const {
        const std::int64_t n = numbers_.dim(2);
        const std::int32_t* row = numbers_.ints() + (step * parts() + part) * n;
        return Tensor::ints({n}, {row, static_cast<std::size_t>(n)});
    }

private:
    Tensor numbers_;
};

/// The entries of `all` [P, ...] with the indices `which` [N]: [N, ...].
Tensor chosen(const Tensor& all, const Tensor& which) {
    const Tensor pool = ops::to(all, Device::cpu);
    Shape shape = pool.shape();
    const std::int64_t count = shape[0], size = pool.size() / count;
    shape[0] = which.size();
    Tensor found(shape, pool.dtype());
    for (std::int64_t i = 0; i < which.size(); ++i) {
        const std::int64_t k = which.ints()[i];
        expect(k >= 0 && k < count,
               fmt::format("in/batches has {}, but there are {} pictures", k, count));
        if (pool.dtype() == DType::i32)
            std::copy_n(pool.ints() + k * size, size, found.ints() + i * size);
        else
            std::copy_n(pool.data() + k * size, size, found.data() + i * size);
    }
    return ops::to(found, all.device());
}

/// The noise of the PyTorch twins too: the recipe procgen-v1 under the name noise.<step>.<part>.
Tensor noise(const verify::Run& run, std::int64_t step, std::int64_t part) {
    const auto settings = io::get<Json>(run.config(), "noise");
    io::expect_only_keys(settings, {"seed", "shape"}, "noise");
    Tensor x(io::get<Shape>(settings, "shape"));
    const auto seed = io::get<std::uint64_t>(settings, "seed");
    random::procgen_fill(fmt::format("noise.{}.{}", step, part), seed, 0.0, 1.0, x.values());
    return ops::to(x, run.in("batches").device());
}

/// A training as a case describes it: "training" is what `ldm train --config` reads, "model" the
/// settings of the model it begins with.
class Training {
public:
    Training(const verify::Run& run, const std::vector<std::string>& own_keys)
        : json(io::get<Json>(run.config(), "training")),
          config(read_training_config(json, own_keys)),
          run_(run) {
        config.device = run.in("batches").device();
        io::expect_only_keys(run.config(), {"training", "model", "noise"}, "config");
    }

    Json json;
    TrainingConfig config;

    Json model_setting(const char* key) const {
        return io::get<Json>(io::get_or(run_.config(), "model", Json::object()), key);
    }

    /// The model begins with those weights of the case that `build` asks for below `place`.
    template <class Build>
    void begin_with(const std::string& place, const Build& build) {
        for (const auto& [name, weight] : weights_of(build, copied_from(run_.params() / place)))
            weights_->add(place + "." + name, weight);
    }

    /// Once, when all weights are there.
    nn::ModelSource model() {
        return nn::ModelSource(io::get_or(run_.config(), "model", Json::object()),
                               std::move(weights_));
    }

private:
    const verify::Run& run_;
    std::unique_ptr<nn::Checkpoint> weights_ = std::make_unique<nn::Checkpoint>();
};

/// out/loss and those of the trainer's other columns that the case has, a number for each step.
/// `make_step(step, learning_rate)` is the trainer's own.
template <class MakeStep>
void out_curve(verify::Run& run, const Trainer& trainer, const TrainingConfig& config,
               const MakeStep& make_step) {
    const std::vector<std::string> columns = trainer.columns();
    std::map<std::string, std::vector<double>> curve;
    for (std::int64_t step = 0; step < config.steps; ++step) {
        const StepResult result = make_step(step, config.learning_rate * config.lr_schedule(step));
        curve["loss"].push_back(result.loss);
        for (std::size_t i = 0; i < columns.size(); ++i)
            curve[columns[i]].push_back(result.extras.at(i));
    }
    for (const auto& [name, numbers] : curve)
        if (name == "loss" || run.wants(name)) run.out(name, {config.steps}, numbers);
}

void build_autoencoder(Training& training, const Json& first_stage) {
    const auto sizes = vae::Config::from_json(io::get<Json>(first_stage, "ddconfig"));
    const int embed_dim = io::get<int>(first_stage, "embed_dim");
    training.begin_with("first_stage_model",
                        [&](const nn::Params& p) { vae::AutoencoderKL(p, sizes, embed_dim); });
}

//! [autoencoder]
void train_autoencoder(verify::Run& run) {
    Training training(run, AutoencoderTrainer::own_keys());
    build_autoencoder(training, io::get<Json>(training.json, "first_stage_config"));
    const auto loss =
        LPIPSWithDiscriminator::Config::from_json(io::get<Json>(training.json, "loss"));
    if (loss.adversarial_loss.disc_start < training.config.steps)
        training.begin_with("first_stage_model.loss.discriminator", [&](const nn::Params& p) {
            NLayerDiscriminator(p, loss.adversarial_loss.discriminator);
        });

    AutoencoderTrainer trainer(training.json, training.config, training.model(), {});
    const Plan batches(run.in("batches"));
    const Tensor pool = run.in("pictures");  // [P, 3, H, W]
    out_curve(run, trainer, training.config, [&](std::int64_t step, double learning_rate) {
        std::vector<Tensor> pictures, noises;
        for (std::int64_t part = 0; part < batches.parts(); ++part) {
            pictures.push_back(chosen(pool, batches.at(step, part)));
            noises.push_back(noise(run, step, part));
        }
        return trainer.step_on(step, pictures, noises, learning_rate);
    });
}
//! [autoencoder]

void train_clip(verify::Run& run) {
    Training training(run, ClipTrainer::own_keys());
    Json towers = io::get<Json>(training.json, "cond_stage_config");
    for (const char* ours : {"image_mean", "image_std"}) towers.erase(ours);
    const auto sizes = clip::ClipModel::Config::from_json(towers);
    training.begin_with(clip::place_in_model,
                        [&](const nn::Params& p) { clip::ClipModel(p, sizes); });

    ClipTrainer trainer(training.json, training.config, training.model(), {}, {});
    const Plan batches(run.in("batches"));
    const Tensor pool = run.in("pictures"), texts = run.in("ids");  // [P, 3, H, W], [P, S]
    out_curve(run, trainer, training.config, [&](std::int64_t step, double learning_rate) {
        std::vector<Tensor> pictures, ids;
        for (std::int64_t part = 0; part < batches.parts(); ++part) {
            pictures.push_back(chosen(pool, batches.at(step, part)));
            ids.push_back(chosen(texts, batches.at(step, part)));
        }
        return trainer.step_on(ids, pictures, learning_rate);
    });
}

void train_diffusion(verify::Run& run) {
    Training training(run, DiffusionTrainer::own_keys());
    build_autoencoder(training, training.model_setting("first_stage_config"));
    const auto cond_stage = training.model_setting("cond_stage_config");
    const auto text =
        clip::TextEncoder::Config::from_json(io::get<Json>(cond_stage, "text_config"));
    const auto unet = unet::Config::from_json(io::get<Json>(training.json, "unet_config"));
    training.begin_with("cond_stage_model.transformer",
                        [&](const nn::Params& p) { clip::TextEncoder(p, text); });
    training.begin_with("model.diffusion_model",
                        [&](const nn::Params& p) { unet::UNetModel(p, unet); });

    DiffusionTrainer trainer(training.json, training.config, training.model(), {});
    const Plan batches(run.in("batches")), times(run.in("t"));
    const Tensor pool = run.in("z"), texts = run.in("ids");  // [P, C, h, w], [P, S]
    out_curve(run, trainer, training.config, [&](std::int64_t step, double learning_rate) {
        std::vector<DiffusionTrainer::Sample> samples;
        for (std::int64_t part = 0; part < batches.parts(); ++part) {
            const Tensor which = batches.at(step, part);
            samples.push_back({.z = chosen(pool, which),
                               .conditions = {chosen(texts, which)},
                               .t = ops::to(times.at(step, part), training.config.device),
                               .noise = noise(run, step, part)});
        }
        return trainer.step_on(samples, learning_rate);
    });
}

}  // namespace

void register_curves(verify::Registry& registry) {
    registry["TrainAutoencoder"] = train_autoencoder;
    registry["TrainClip"] = train_clip;
    registry["TrainDiffusion"] = train_diffusion;
}

}  // namespace ldm::train
