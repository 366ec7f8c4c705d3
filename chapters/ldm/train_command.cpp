#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <memory>

#include "chapters/09_training/trainers/autoencoder_trainer.h"
#include "chapters/09_training/trainers/clip_trainer.h"
#include "chapters/09_training/trainers/diffusion_trainer.h"
#include "chapters/09_training/trainers/training_run.h"
#include "chapters/11_editing/masked_image_condition.h"
#include "chapters/12_conditioners/training/class_condition.h"
#include "chapters/12_conditioners/training/classifier_trainer.h"
#include "chapters/12_conditioners/training/clip_condition.h"
#include "chapters/12_conditioners/training/segmentation_condition.h"
#include "chapters/13_super_resolution/low_resolution_condition.h"
#include "chapters/ldm/commands.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/shape.h"
#include "common/report/interrupt.h"
#include "common/report/option_checks.h"
#include "common/text/learn_merges.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;
using namespace train;

// examples on a sample sheet
constexpr int shown = 8;
// of examples, all in all: for what is measured over the data before training
constexpr int batches = 32;

struct Options {
    std::string config, data, output, init, device = "cpu";
    bool resume = false;
    std::optional<std::int64_t> max_steps;
    std::optional<double> max_minutes;
    int threads = 0;
};

/// Pictures from all over the folder, `shown` at a time, each as it lies there.
std::vector<Batch> examples_of(const PictureFolder& folder, DataConfig data) {
    data.flip = false;
    data.crop = Crop::center;
    const std::int64_t wanted = std::min<std::int64_t>(folder.size(), shown * batches);
    std::vector<Batch> examples;
    for (std::int64_t i = 0; i < wanted; ++i) {
        // neighbours are alike
        const std::int64_t index = (i % shown) * folder.size() / shown + i / shown;
        const auto loaded = folder.load(std::min(index, folder.size() - 1));
        const Draw draw{.picture = loaded.index,
                        .drop_caption = false,
                        .flipped = false,
                        .crop_x = 0.5,
                        .crop_y = 0.5,
                        .crop_f = data.crop_share ? data.crop_share->max : 1.0};
        if (i % shown == 0) examples.emplace_back();
        Batch& batch = examples.back();
        const Tensor picture = image::to_tensor(sample_of(*loaded.picture, draw, data));
        batch.pictures = batch.pictures ? ops::concat({batch.pictures, picture}, 0) : picture;
        batch.captions.push_back(folder.file(loaded.index).caption);
        batch.files.push_back(loaded.index);
    }
    return examples;
}

using MakeTrainer = std::function<std::unique_ptr<Trainer>(const io::Json&, const TrainingConfig&,
                                                           nn::ModelSource, const PictureFolder&)>;

struct Kind {
    const char* name;
    const char* description;
    const std::vector<std::string>& own_keys;
    std::function<Captions(const io::Json&)> captions;
    MakeTrainer make;
};

/// What a diffusion model can be conditioned on.
ConditionKinds all_conditions() {
    ConditionKinds kinds = caption_condition();
    kinds.merge(editing::masked_image_condition());
    kinds.merge(conditioners::class_condition());
    kinds.merge(conditioners::clip_condition());
    kinds.merge(conditioners::segmentation_condition());
    kinds.merge(super_resolution::low_resolution_condition());
    return kinds;
}

/// Captions are needed by what encodes them; without settings of its own a training is conditioned
/// as the initial model is, by a caption.
Captions captions_for(const io::Json& json) {
    if (!json.contains("conditioning_key") && !json.contains("cond_stage_config"))
        return Captions::needed;
    const auto conditions = pipeline::conditions_from(json);
    return std::ranges::any_of(conditions,
                               [](const pipeline::Condition& condition) {
                                   return condition.key == "caption" ||
                                          condition.key == "clip_embedding";
                               })
               ? Captions::needed
               : Captions::ignored;
}

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all = {
        {"autoencoder", "Train an autoencoder: pictures to latents and back",
         AutoencoderTrainer::own_keys(), [](const io::Json&) { return Captions::ignored; },
         [](const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
            const PictureFolder& pictures) {
             return std::make_unique<AutoencoderTrainer>(
                 json, config, std::move(model),
                 examples_of(pictures, config.data).front().pictures);
         }},
        {"clip", "Train CLIP: encoders of texts and pictures, by contrast of pairs",
         ClipTrainer::own_keys(), [](const io::Json&) { return Captions::needed; },
         [](const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
            const PictureFolder& pictures) {
             return std::make_unique<ClipTrainer>(json, config, std::move(model),
                                                  examples_of(pictures, config.data),
                                                  pictures.captions());
         }},
        {"diffusion", "Train the UNet to predict noise, or a LoRA for it",
         DiffusionTrainer::own_keys(), captions_for,
         [](const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
            const PictureFolder& pictures) {
             return std::make_unique<DiffusionTrainer>(json, config, std::move(model),
                                                       examples_of(pictures, config.data),
                                                       all_conditions(), &pictures);
         }},
        {"classifier", "Train a classifier of noisy latents, which can guide a sampler",
         conditioners::ClassifierTrainer::own_keys(),
         [](const io::Json&) { return Captions::ignored; },
         [](const io::Json& json, const TrainingConfig& config, nn::ModelSource model,
            const PictureFolder& pictures) {
             return std::make_unique<conditioners::ClassifierTrainer>(
                 json, config, std::move(model), examples_of(pictures, config.data), pictures);
         }}};
    return all;
}

/// "vocabulary": 1200 asks for so many merges, learned from the captions; the trainer wants the
/// file.
io::Json with_vocabulary(io::Json json, const PictureFolder& pictures, const fs::path& output) {
    const auto wish = json.find("vocabulary");
    if (wish == json.end() || !wish->is_number()) return json;
    text::write_merges_file(
        output / "merges.txt",
        text::learn_merges(pictures.captions(), io::get<int>(json, "vocabulary")));
    *wish = (output / "merges.txt").string();
    return json;
}

void train_model(const Kind& kind, const Options& options) {
    if (options.threads > 0) omp_set_num_threads(options.threads);
    report::InterruptGuard guard;
    const io::Json json = io::read_json(options.config);
    TrainingConfig config = read_training_config(json, kind.own_keys);
    config.device = device_from(options.device);
    expect_usable(config.device);
    const PictureFolder pictures(options.data, kind.captions(json), config.data);
    TrainingFolder folder(options.output, json, pictures.fingerprint(),
                          {.resume = options.resume, .keep_checkpoints = config.keep_checkpoints});
    const auto trainer = kind.make(
        with_vocabulary(json, pictures, options.output), config,
        options.init.empty() ? nn::ModelSource() : open_base_model(options.init), pictures);
    Limits limits;
    limits.max_steps = options.max_steps.value_or(limits.max_steps);
    limits.max_minutes = options.max_minutes.value_or(limits.max_minutes);
    run_training(kind.name, *trainer, pictures, config, folder, limits);
    fmt::print("{}\n", (fs::path(options.output) / "model").string());
}

void add_kind(CLI::App& train, const Kind& kind, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = train.add_subcommand(kind.name, kind.description);
    command->add_option("--config", options->config, "The training's settings, a JSON file")
        ->type_name("FILE")
        ->required();
    command
        ->add_option("--data", options->data,
                     "A folder of pictures with metadata.jsonl (file_name, text),\nor with a .txt "
                     "beside each")
        ->type_name("FOLDER")
        ->required();
    command
        ->add_option("--output", options->output,
                     "Checkpoints, curve, samples and in the end the model go here")
        ->type_name("FOLDER")
        ->required();
    command
        ->add_option(
            "--init", options->init,
            "The model to begin with: a folder of this project, an SD 1.x file, a diffusers folder")
        ->type_name("FILE");
    command->add_flag("--resume", options->resume, "Go on from the last checkpoint in --output");
    command
        ->add_option("--max-steps", options->max_steps,
                     "Stop after this many steps, those before a resume included")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
    command->add_option("--max-minutes", options->max_minutes, "Stop after this time")
        ->check(report::number_between(0.0, 1e6));
    command
        ->add_option("--device", options->device,
                     "Where to compute; a training may go on elsewhere")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    command->add_option("--threads", options->threads, "Processor threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->callback([=, &kind, &status] {
        train_model(kind, *options);
        status = 0;
    });
}

}  // namespace

void add_train(CLI::App& app, int& status) {
    CLI::App* train =
        app.add_subcommand("train", "Train a model, or a part of one, on a folder of pictures");
    train->require_subcommand(1);
    for (const Kind& kind : kinds()) add_kind(*train, kind, status);
}

}  // namespace ldm::program
