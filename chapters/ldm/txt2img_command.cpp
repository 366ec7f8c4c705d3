#include <fmt/format.h>
#include <omp.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/picture_files.h"
#include "chapters/ldm/prompt_options.h"
#include "chapters/ldm/prompts.h"
#include "chapters/ldm/sampling_options.h"
#include "common/io/safetensors.h"
#include "common/io/utf8.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/report/interrupt.h"
#include "common/report/option_checks.h"
#include "common/report/progress.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;
using pipeline::LatentDiffusion;
using pipeline::Txt2ImgRequest;
using pipeline::Txt2ImgResult;

struct Options {
    // empty: the one that ships
    std::string model;
    std::string prompt, prompt_file, negative_prompt;
    OutputOptions output;
    std::string save_latents;
    SamplingOptions sampling;
    PromptOptions prompts;
    std::string device = "cpu", dtype = "f32", precision = "f32";
    std::vector<std::string> lora;
    std::optional<int> width, height;
    // -1: a random one
    std::string seed = "42";
    int batch_size = 0, threads = 0;
};

/// The prompts to draw, one picture each.
std::vector<std::string> prompts_of(const Options& options) {
    std::vector<std::string> prompts;
    if (!options.prompt_file.empty()) {
        prompts = read_prompts(options.prompt_file);
    } else {
        expect_text(options.prompt, "the prompt");
        prompts.assign(std::max(options.batch_size, 1), options.prompt);
    }
    expect_text(options.negative_prompt, "the negative prompt");
    return prompts;
}

/// A whole number from 0 on, or -1.
CLI::Validator seed_number() {
    return CLI::Validator(
        [whole = report::whole_number()](std::string& text) {
            return text == "-1" ? std::string() : whole(text);
        },
        "UINT or -1");
}

/// The seed of each picture. Pictures of one prompt have seeds that follow each other, so that they
/// differ; the lines of a prompt file all have the same one. Says which was chosen for -1.
std::vector<std::uint64_t> seeds_of(const Options& options, std::size_t count) {
    std::uint64_t first = 0;
    if (options.seed == "-1") {
        // 32 bits, as other programs have them
        first = std::random_device()() & 0xFFFFFFFF;
        report::message(fmt::format("seed {}", first));
    } else {
        first = std::stoull(options.seed);
    }
    std::vector<std::uint64_t> seeds(count, first);
    if (!options.prompt_file.empty()) return seeds;
    if (first > std::numeric_limits<std::uint64_t>::max() - (count - 1))
        throw Error(fmt::format("--seed {}: there are no {} seeds from there on", first, count));
    std::iota(seeds.begin(), seeds.end(), first);
    return seeds;
}

/// Ctrl-C waits for it.
void save_latents(const fs::path& path, const Txt2ImgResult& result) {
    const report::InterruptGuard finish_first;
    // an entry only points to its numbers
    std::vector<Tensor> here;
    std::vector<io::TensorEntry> entries;
    const auto add = [&](const std::string& name, const Tensor& x) {
        here.push_back(ops::to(ops::to(x, DType::f32), Device::cpu));
        entries.push_back(io::entry_of(name, x.shape(), here.back().values()));
    };
    add("noise", result.noise);
    for (std::size_t i = 0; i < result.steps.size(); ++i)
        add(fmt::format("step.{}", i), result.steps[i].x);
    add("final", result.steps.back().x);
    io::write_safetensors(path, entries);
    report::throw_if_interrupted();
}

/// Options given on the command line before those the model prefers before those of this program.
Txt2ImgRequest request_template(const Options& options, const pipeline::ModelSpec& spec) {
    Txt2ImgRequest request = sampling_request(options.sampling, spec);
    request.negative_prompt = options.negative_prompt;
    apply(options.prompts, spec, request);
    request.width = options.width.value_or(request.width);
    request.height = options.height.value_or(request.height);
    request.keep_steps = !options.save_latents.empty();
    return request;
}

/// The prompts `first` to `first + count`, as one batch.
Txt2ImgRequest batch_of(const Txt2ImgRequest& base, const std::vector<std::string>& prompts,
                        const std::vector<std::uint64_t>& seeds, std::size_t first,
                        std::size_t count) {
    Txt2ImgRequest request = base;
    request.prompts.assign(prompts.begin() + first, prompts.begin() + first + count);
    request.seeds.assign(seeds.begin() + first, seeds.begin() + first + count);
    return request;
}

/// Where everything goes; throws when something could not be written.
std::vector<fs::path> paths_of(const Options& options, std::size_t count) {
    if (!options.prompt_file.empty() && fs::path(options.output.output).extension() == ".png")
        throw Error("with --prompt-file, --output names a folder");
    if (!options.save_latents.empty()) {
        if (count > 1) throw Error("--save-latents takes one picture at a time");
        expect_writable(options.save_latents, options.output.overwrite);
    }
    return picture_paths(options.output, count);
}

void expect_usable_type(Device device, DType dtype) {
    expect_usable(device);
    if (device == Device::cpu && dtype != DType::f32)
        throw Error(
            fmt::format("--dtype {} is for --device cuda; on a processor there is --precision bf16",
                        dtype == DType::f16 ? "f16" : "bf16"));
}

/// A small model has seen one size only, and other sizes come out distorted.
void warn_of_size(const Txt2ImgRequest& request, const pipeline::OpenedModel& model) {
    const int size = model.spec.image_size;
    if (model.source.layout() == nn::ModelSource::Layout::folder &&
        (request.width != size || request.height != size))
        report::message(fmt::format(
            "this model was trained on pictures of {0}x{0}; other sizes come out distorted", size));
}

/// The settings of picture i as other programs write them, and the LoRAs: `, Lora: "cat: 0.8"`.
std::string picture_text(const Options& options, const LatentDiffusion& model,
                         const Txt2ImgRequest& request, std::size_t i) {
    std::string text = parameters_text(model, request, i);
    std::string loras;
    for (const std::string& lora_text : options.lora) {
        const train::LoraOption lora = train::lora_option(lora_text);
        loras += fmt::format("{}{}: {:g}", loras.empty() ? "" : ", ",
                             text::printable(lora.path.stem().string()), lora.strength);
    }
    return loras.empty() ? text : fmt::format("{}, Lora: \"{}\"", text, loras);
}

/// What a person sees meanwhile: a line for loading, for the steps and for decoding.
class Display {
public:
    Display() : activity_(std::in_place, "loading the model") {}

    void plan(std::int64_t batches, std::int64_t steps_of_a_batch) {
        batches_ = batches;
        steps_of_a_batch_ = steps_of_a_batch;
    }

    /// A network is being loaded; the decoder belongs to decoding.
    void load(std::string_view part) {
        if (steps_ % steps_of_a_batch_ == 0 && steps_ > 0) return;
        activity_.emplace(fmt::format("loading {}", part));
    }

    void step() {
        activity_.reset();
        if (!progress_) progress_.emplace("drawing", batches_ * steps_of_a_batch_);
        progress_->step();
        if (++steps_ % steps_of_a_batch_ == 0) activity_.emplace("decoding the latents");
    }

    void finish_batch() { activity_.reset(); }

private:
    std::optional<report::Progress> progress_;
    std::optional<report::Activity> activity_;
    std::int64_t steps_ = 0, steps_of_a_batch_ = 1, batches_ = 1;
};

/// Adds the LoRAs of --lora and those that the prompts name to the weights.
void merge_loras(nn::ModelSource& source, const Options& options,
                 const std::vector<NamedLora>& named) {
    nn::Checkpoint& weights = source.checkpoint();
    for (const std::string& text : options.lora) {
        const train::LoraOption lora = train::lora_option(text);
        train::merge(weights, train::read_lora(lora.path, weights, source.config()), lora.strength);
    }
    for (const auto& [path, lora] : named) {
        train::Lora text_encoder, unet;
        for (auto& [name, layer] : train::read_lora(path, weights, source.config()))
            (name.starts_with("cond_stage_model.") ? text_encoder : unet).emplace(name, layer);
        if (!text_encoder.empty()) train::merge(weights, text_encoder, lora.text_encoder);
        if (!unet.empty()) train::merge(weights, unet, lora.unet);
    }
}

void draw(const Options& options) {
    // Everything that can be refused is refused before the model is loaded.
    const std::vector<std::string> prompts = prompts_of(options);
    const std::vector<fs::path> paths = paths_of(options, prompts.size());
    const std::vector<std::uint64_t> seeds = seeds_of(options, prompts.size());
    const std::vector<NamedLora> named_loras = loras_of(options.prompts, prompts);
    const Device device = device_from(options.device);
    const DType dtype = dtype_from(options.dtype);
    expect_usable_type(device, dtype);
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const ops::WithPrecision precision(ops::precision_from(options.precision));

    // nothing is left behind until there are pictures to write, and that finishes first
    const report::InterruptGuard guard(report::OnInterrupt::exit);
    Display display;
    pipeline::OpenedModel opened =
        pipeline::open_model(options.model.empty() ? nn::shipped_model() : fs::path(options.model));
    opened.spec.expect_supported(opened.source.name());
    const Txt2ImgRequest base = request_template(options, opened.spec);
    const auto at_once = static_cast<std::size_t>(options.batch_size > 0 ? options.batch_size : 8);
    const std::size_t batches = (prompts.size() + at_once - 1) / at_once;
    pipeline::expect_possible(batch_of(base, prompts, seeds, 0, std::min(at_once, prompts.size())),
                              opened.spec);
    warn_of_size(base, opened);
    merge_loras(opened.source, options, named_loras);
    opened.source.use({device, dtype});
    // with one batch each network has done its part when the next one is needed
    const LatentDiffusion model(std::move(opened),
                                {.keep_networks = batches > 1,
                                 .on_load = [&](std::string_view part) { display.load(part); }});
    for (std::size_t first = 0; first < prompts.size(); first += at_once)
        (void)plan_of(model, batch_of(base, prompts, seeds, first,
                                      std::min(at_once, prompts.size() - first)));
    display.plan(static_cast<std::int64_t>(batches), step_count(base, model.spec()));
    for (std::size_t first = 0; first < prompts.size(); first += at_once) {
        const std::size_t count = std::min(at_once, prompts.size() - first);
        const Txt2ImgRequest request = batch_of(base, prompts, seeds, first, count);
        const Txt2ImgResult result = txt2img(model, request, [&](const ddpm::SamplerStep&) {
            display.step();
            return true;
        });
        display.finish_batch();
        std::vector<NewPicture> pictures;
        for (std::size_t i = 0; i < count; ++i) {
            if (!result.cut[i].empty())
                report::message(fmt::format(
                    "the prompt is too long for this model; not read: \"{}\"", result.cut[i]));
            pictures.push_back(
                {paths[first + i],
                 pipeline::to_uint8_image(result.pictures, static_cast<std::int64_t>(i)),
                 picture_text(options, model, request, i)});
        }
        save_pictures(pictures);
        if (!options.save_latents.empty()) save_latents(options.save_latents, result);
    }
}

void add_model_options(CLI::App& command, Options& options) {
    command.add_option(
        "-m,--model", options.model,
        "An SD 1.x file (.safetensors, .ckpt), a diffusers folder, or a model of this project\n"
        "(default: the emoji model that ships with the project)");
    command.add_option("--lora", options.lora,
                       "A LoRA file to add to the model, FILE or FILE:STRENGTH; may be repeated");
}

void add_output_options(CLI::App& command, Options& options) {
    command
        .add_option("-o,--output", options.output.output,
                    "A .png, a folder for 0000.png, 0001.png, …, or - for standard output")
        ->capture_default_str();
    command.add_flag("--overwrite", options.output.overwrite,
                     "Replace files that exist; without it they are kept");
    command.add_option("--save-latents", options.save_latents,
                       "Write noise, every step and the final latent as safetensors");
}

void add_picture_options(CLI::App& command, Options& options) {
    command
        .add_option("-s,--seed", options.seed,
                    "Of the initial noise, the same as PyTorch's on the CPU; -1: a random one")
        ->check(seed_number())
        ->capture_default_str();
    command.add_option("-W,--width", options.width, "In pixels (default: the model's)")
        ->check(CLI::Range(1, 16384));
    command.add_option("-H,--height", options.height, "In pixels (default: the model's)")
        ->check(CLI::Range(1, 16384));
    command
        .add_option("--batch-size", options.batch_size,
                    "Pictures of the prompt, or lines of --prompt-file drawn at once")
        ->check(CLI::Range(1, 1024));
}

void add_computing_options(CLI::App& command, Options& options) {
    command
        .add_option("--precision", options.precision,
                    "f32, or bf16: rounded factors, faster where the processor multiplies bfloat16")
        ->check(CLI::IsMember({"f32", "bf16"}))
        ->capture_default_str();
    command.add_option("-t,--threads", options.threads, "Processor threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command.add_option("--device", options.device, "Where to compute")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    command
        .add_option("--dtype", options.dtype, "What a GPU computes with; sums are float32 anyway")
        ->check(CLI::IsMember({"f32", "f16", "bf16"}))
        ->capture_default_str();
}

}  // namespace

void add_txt2img(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("txt2img", "Draw a picture of a prompt");
    add_model_options(*command, *options);
    auto* prompt =
        command->add_option("-p,--prompt", options->prompt, "What to draw; may be empty");
    auto* file = command->add_option("--prompt-file", options->prompt_file,
                                     "Draw one picture a line into the folder --output");
    prompt->excludes(file);
    command->add_option("-n,--negative-prompt", options->negative_prompt, "What not to draw");
    add_output_options(*command, *options);
    add_prompt_options(*command, options->prompts);
    add_sampling_options(*command, options->sampling);
    add_picture_options(*command, *options);
    add_computing_options(*command, *options);
    command->callback([=, &status] {
        if (prompt->count() + file->count() == 0)
            throw CLI::RequiredError("--prompt or --prompt-file");
        options->output.is_chosen = command->count("--output") > 0;
        draw(*options);
        status = 0;
    });
}

}  // namespace ldm::program
