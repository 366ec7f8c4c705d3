#include <fmt/format.h>
#include <omp.h>
#include <unistd.h>

#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/ldm/commands.h"
#include "common/image/png.h"
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
    std::string output = "picture.png", save_latents;
    std::string sampler, device = "cpu", dtype = "f32", precision = "f32";
    std::vector<std::string> lora;
    std::optional<int> steps, width, height;
    std::optional<float> cfg_scale;
    float eta = 0.0f;
    std::uint64_t seed = 42;
    int batch_size = 0, threads = 0;
};

/// One line, one prompt; an empty line is the empty prompt, a newline at the very end is none.
std::vector<std::string> read_prompts(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw Error(path + ": cannot be read");
    std::vector<std::string> prompts;
    for (std::string line; std::getline(file, line);) {
        if (line.ends_with('\r')) line.pop_back();
        prompts.push_back(line);
    }
    if (prompts.empty()) throw Error(path + ": there is no prompt in it");
    return prompts;
}

void expect_utf8(const std::string& text, const std::string& what) {
    if (!text::is_valid_utf8(text))
        throw Error(fmt::format("{} is not valid UTF-8: \"{}\"", what, text::printable(text)));
}

/// Finds out before the long work whether its result can be written.
void check_writable(const fs::path& path) {
    fs::path folder = fs::absolute(path).parent_path();
    while (!fs::exists(folder)) folder = folder.parent_path();
    if (!fs::is_directory(folder)) throw Error(fmt::format("{} is not a folder", folder.string()));
    if (::access(folder.c_str(), W_OK) != 0)
        throw Error(fmt::format("the folder {} cannot be written", folder.string()));
}

/// Where picture i of `count` goes: PICTURE.png alone, PICTURE-0.png … of several, or DIR/0000.png.
fs::path picture_path(const Options& options, std::size_t i, std::size_t count) {
    const fs::path output = options.output;
    if (output.extension() != ".png") return output / fmt::format("{:04}.png", i);
    if (count == 1) return output;
    return output.parent_path() / fmt::format("{}-{}.png", output.stem().string(), i);
}

void save_latents(const fs::path& path, const Txt2ImgResult& result) {
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
}

/// Options given on the command line before those the model prefers before those of this program.
Txt2ImgRequest request_template(const Options& options, const pipeline::ModelSpec& spec) {
    Txt2ImgRequest request = preferred_request(spec, options.sampler);
    request.negative_prompt = options.negative_prompt;
    request.width = options.width.value_or(request.width);
    request.height = options.height.value_or(request.height);
    if (options.steps) request.steps = options.steps;
    request.cfg_scale = options.cfg_scale.value_or(request.cfg_scale);
    request.eta = options.eta;
    request.keep_steps = !options.save_latents.empty();
    return request;
}

/// The lines `first` to `first + count` of a list of prompts, as one batch.
Txt2ImgRequest batch_of(const Txt2ImgRequest& base, const Options& options,
                        const std::vector<std::string>& prompts, std::size_t first,
                        std::size_t count) {
    Txt2ImgRequest request = base;
    request.prompts.assign(prompts.begin() + first, prompts.begin() + first + count);
    // pictures of one prompt should differ
    for (std::size_t i = 0; i < count; ++i)
        request.seeds.push_back(options.prompt_file.empty() ? options.seed + first + i
                                                            : options.seed);
    return request;
}

struct NewFile {
    fs::path path;
    image::Image picture;
    std::string parameters;
    bool is_written = false;
};

/// All at once: to compress a picture may take a processor longer than a GPU takes to draw it.
void save(std::vector<NewFile>& files) {
    std::exception_ptr trouble;
#pragma omp parallel for schedule(dynamic)
    for (std::size_t i = 0; i < files.size(); ++i) {
        try {
            fs::create_directories(fs::absolute(files[i].path).parent_path());
            image::save_png(files[i].path, files[i].picture, {{"parameters", files[i].parameters}});
            files[i].is_written = true;
        } catch (...) {
#pragma omp critical
            trouble = std::current_exception();
        }
    }
    for (const NewFile& file : files)
        if (file.is_written) fmt::print("{}\n", file.path.string());
    if (trouble) std::rethrow_exception(trouble);
}

void draw(const Options& options) {
    // Everything that can be refused is refused before the model is loaded.
    std::vector<std::string> prompts;
    if (!options.prompt_file.empty())
        prompts = read_prompts(options.prompt_file);
    else
        prompts.assign(std::max(options.batch_size, 1), options.prompt);
    for (const std::string& prompt : prompts) expect_utf8(prompt, "the prompt");
    expect_utf8(options.negative_prompt, "the negative prompt");
    if (!options.prompt_file.empty() && fs::path(options.output).extension() == ".png")
        throw Error("with --prompt-file, --output names a folder");
    check_writable(picture_path(options, 0, prompts.size()));
    if (!options.save_latents.empty()) {
        if (prompts.size() > 1) throw Error("--save-latents takes one picture at a time");
        check_writable(options.save_latents);
    }
    const Device device = device_from(options.device);
    const DType dtype = dtype_from(options.dtype);
    expect_usable(device);
    if (device == Device::cpu && dtype != DType::f32)
        throw Error(
            fmt::format("--dtype {} is for --device cuda; on a processor there is --precision bf16",
                        options.dtype));
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const ops::WithPrecision precision(ops::precision_from(options.precision));

    report::InterruptGuard guard;
    pipeline::OpenedModel opened =
        pipeline::open_model(options.model.empty() ? nn::shipped_model() : fs::path(options.model));
    opened.spec.expect_drawable(opened.source.name());
    const Txt2ImgRequest base = request_template(options, opened.spec);
    const auto at_once = static_cast<std::size_t>(options.batch_size > 0 ? options.batch_size : 8);
    const std::size_t batches = (prompts.size() + at_once - 1) / at_once;
    expect_possible(batch_of(base, options, prompts, 0, std::min(at_once, prompts.size())),
                    opened.spec);
    for (const std::string& text : options.lora) {
        const train::LoraOption lora = train::lora_option(text);
        nn::Checkpoint& weights = opened.source.checkpoint();
        train::merge(weights, train::read_lora(lora.path, weights, opened.source.config()),
                     lora.strength);
    }
    opened.source.use({device, dtype});
    // with one batch each network has done its part when the next one is needed
    const LatentDiffusion model(std::move(opened), {.keep_networks = batches > 1});

    report::Progress progress("drawing",
                              static_cast<std::int64_t>(batches) * step_count(base, model.spec()));
    for (std::size_t first = 0; first < prompts.size(); first += at_once) {
        const std::size_t count = std::min(at_once, prompts.size() - first);
        const Txt2ImgRequest request = batch_of(base, options, prompts, first, count);
        const Txt2ImgResult result = txt2img(model, request, [&](const ddpm::SamplerStep&) {
            progress.step();
            return true;
        });
        std::vector<NewFile> pictures;
        for (std::size_t i = 0; i < count; ++i) {
            if (!result.cut[i].empty())
                fmt::print(stderr, "the prompt is too long for this model; not read: \"{}\"\n",
                           result.cut[i]);
            pictures.push_back(
                {picture_path(options, first + i, prompts.size()),
                 pipeline::to_uint8_image(result.pictures, static_cast<std::int64_t>(i)),
                 parameters_text(model, request, i)});
        }
        save(pictures);
        if (!options.save_latents.empty()) save_latents(options.save_latents, result);
    }
}

std::vector<std::string> sampler_names() {
    std::vector<std::string> names;
    for (const ddpm::SamplerKind& kind : pipeline::samplers()) names.push_back(kind.name);
    return names;
}

/// A line for each sampler.
std::string sampler_help() {
    std::string help = "How to get from noise to picture (default: the model's)";
    for (const ddpm::SamplerKind& kind : pipeline::samplers())
        help += fmt::format("\n{}: {}", kind.name, kind.help);
    return help;
}

}  // namespace

void add_txt2img(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("txt2img", "Draw a picture of a prompt");
    command->add_option(
        "--model", options->model,
        "An SD 1.x .safetensors file, a diffusers folder, or a model of this project\n"
        "(default: the emoji model that ships with the project)");
    command->add_option("--lora", options->lora,
                        "A LoRA file to add to the model, FILE or FILE:STRENGTH; may be repeated");
    auto* prompt = command->add_option("--prompt", options->prompt, "What to draw; may be empty");
    auto* file = command->add_option("--prompt-file", options->prompt_file,
                                     "Draw one picture a line into the folder --output");
    prompt->excludes(file);
    command->add_option("--negative-prompt", options->negative_prompt, "What not to draw");
    command
        ->add_option("--output", options->output, "A .png, or a folder for 0000.png, 0001.png, …")
        ->capture_default_str();
    command->add_option("--steps", options->steps, "Denoising steps (default: the model's)")
        ->check(CLI::Range(1, 1000));
    command
        ->add_option("--cfg-scale", options->cfg_scale,
                     "How strongly the prompt is followed (default: the model's)")
        ->check(report::number_between(0.0, 100.0));
    command->add_option("--sampler", options->sampler, sampler_help())
        ->check(CLI::IsMember(sampler_names()));
    command->add_option("--eta", options->eta, "Noise that ddim adds back, 0 to 1")
        ->check(report::number_between(0.0, 1.0))
        ->capture_default_str();
    command
        ->add_option("--seed", options->seed,
                     "Which noise to begin with; the same as PyTorch's on the CPU")
        ->check(report::whole_number())
        ->capture_default_str();
    command->add_option("--width", options->width, "In pixels (default: the model's)")
        ->check(CLI::Range(1, 16384));
    command->add_option("--height", options->height, "In pixels (default: the model's)")
        ->check(CLI::Range(1, 16384));
    command
        ->add_option("--batch-size", options->batch_size,
                     "Pictures of the prompt, or lines of --prompt-file drawn at once")
        ->check(CLI::Range(1, 1024));
    command->add_option("--save-latents", options->save_latents,
                        "Write noise, every step and the final latent as safetensors");
    command
        ->add_option(
            "--precision", options->precision,
            "f32, or bf16: rounded factors, faster where the processor multiplies bfloat16")
        ->check(CLI::IsMember({"f32", "bf16"}))
        ->capture_default_str();
    command->add_option("--threads", options->threads, "Processor threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->add_option("--device", options->device, "Where to compute")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    command
        ->add_option("--dtype", options->dtype, "What a GPU computes with; sums are float32 anyway")
        ->check(CLI::IsMember({"f32", "f16", "bf16"}))
        ->capture_default_str();
    command->callback([=, &status] {
        if (prompt->count() + file->count() == 0)
            throw CLI::RequiredError("--prompt or --prompt-file");
        draw(*options);
        status = 0;
    });
}

}  // namespace ldm::program
