#include "chapters/ldm/drawing_options.h"

#include <fmt/format.h>

#include <random>

#include "chapters/ldm/config_file.h"
#include "chapters/ldm/option_groups.h"
#include "common/report/option_checks.h"
#include "common/report/progress.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;

/// A whole number from 0 on, or -1.
CLI::Validator seed_number() {
    return CLI::Validator(
        [whole = report::whole_number()](std::string& text) {
            return text == "-1" ? std::string() : whole(text);
        },
        "");
}

CLI::Validator png_name() {
    return CLI::Validator(
        [](std::string& name) -> std::string {
            const std::string kind = std::filesystem::path(name).extension().string();
            return kind == ".png" || kind == ".PNG" ? "" : name + ": expected a name with .png";
        },
        "");
}

void add_model_options(CLI::App& command, DrawingOptions& options) {
    command.option_defaults()->group(model_group);
    command
        .add_option("-m,--model", options.model,
                    "An SD 1.x or 2.x file (.safetensors, .ckpt), a diffusers folder, or a model\n"
                    "of this project (default: the emoji model that ships with the project)")
        ->type_name("FILE");
    command
        .add_option("--prediction", options.prediction,
                    "What the UNet predicts: eps or v (default: what the model says)")
        ->check(CLI::IsMember({"eps", "v"}));
    command
        .add_option("--vae", options.vae,
                    "An autoencoder in place of the model's own: a file, or a diffusers folder")
        ->type_name("FILE");
    command
        .add_option("--taesd", options.taesd,
                    "Decode with this tiny autoencoder (TAESD): rough pictures, at once")
        ->type_name("FILE");
    command
        .add_flag("--taesd-preview-only", options.taesd_preview_only,
                  "Use --taesd for --preview alone")
        ->needs("--taesd");
    command
        .add_option("--lora", options.lora,
                    "A LoRA file to add to the model, FILE or FILE:STRENGTH")
        ->type_name("FILE");
    add_prompt_options(command, options.prompts);
}

void add_file_options(CLI::App& command, DrawingOptions& options) {
    command.option_defaults()->group(files_group);
    command
        .add_option("--prompt-file", options.prompt_file,
                    "Draw one picture a line into the folder --output; a line is a prompt, or\n"
                    "options for it: --prompt \"a cat\" --steps 30 --seed 5")
        ->type_name("FILE");
    command
        .add_option("--grid", options.grid,
                    "Draw a picture for each pair of values, and one of all with their labels:\n"
                    "\"x=cfg:4,8 y=sampler:euler_a,dpm++2m\"; prompt:cat,dog replaces cat in the\n"
                    "prompt by each")
        ->expected(1, 2)
        ->join()
        ->type_name("AXES");
    command
        .add_option("-o,--output", options.output.output,
                    "A .png, a folder for 0000.png, 0001.png, …, or - for standard output")
        ->type_name("FILE")
        ->capture_default_str();
    command.add_flag("--overwrite", options.output.overwrite,
                     "Replace files that exist; without it they are kept");
    command
        .add_option(
            "--preview", options.preview,
            "While drawing, write a .png of the predicted picture after every step; --taesd\n"
            "makes that fast")
        ->check(png_name())
        ->type_name("FILE");
    command
        .add_option("--preview-interval", options.preview_interval,
                    "Steps from one --preview to the next")
        ->check(CLI::Range(1, 1000))
        ->needs("--preview")
        ->capture_default_str();
    command
        .add_option("--save-latents", options.save_latents,
                    "Write noise, every step and the final latent as safetensors")
        ->type_name("FILE");
    command
        .add_option("--save-npz", options.save_npz,
                    "Write all pictures as one array of NumPy, too: arr_0 [N, height, width, 3]")
        ->type_name("FILE");
}

void add_picture_options(CLI::App& command, DrawingOptions& options) {
    command.option_defaults()->group(picture_group);
    command.add_option("-p,--prompt", options.prompt,
                       "What to draw; may be empty, and only models without text do without it");
    command.add_option("-n,--negative-prompt", options.negative_prompt, "What not to draw");
    command
        .add_option("--clip-skip", options.prompts.clip_skip,
                    "From which layer the text encoder's output is taken: 1 is the last")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command
        .add_option("-s,--seed", options.seed,
                    "Of the initial noise, the same as PyTorch's on the CPU; -1: a random one")
        ->check(seed_number())
        ->type_name("N")
        ->capture_default_str();
    command.add_option("-W,--width", options.width, "In pixels (default: the model's)")
        ->check(CLI::Range(1, 16384));
    command.add_option("-H,--height", options.height, "In pixels (default: the model's)")
        ->check(CLI::Range(1, 16384));
}

void add_computing_options(CLI::App& command, DrawingOptions& options) {
    command.option_defaults()->group(computing_group);
    command
        .add_option(
            "--batch-size", options.batch_size,
            "Pictures of the prompt, or lines of --prompt-file, or cells of --grid, drawn at once")
        ->check(CLI::Range(1, 1024));
    command.add_flag("--vae-tiling", options.vae_tiling,
                     "Encode and decode in strips: the same picture in a fraction of the memory,\n"
                     "in twice the time");
    command
        .add_option("--patch-size", options.patch_size,
                    "Show the UNet overlapping patches so wide and high instead of the whole\n"
                    "picture: less memory for large ones")
        ->check(CLI::Range(8, 16384));
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

void add_drawing_options(CLI::App& command, DrawingOptions& options) {
    add_picture_options(command, options);
    add_sampling_options(command, options.sampling);
    add_model_options(command, options);
    add_file_options(command, options);
    add_from_option(command, options.origin);
    add_config_option(command);
    add_computing_options(command, options);
    CLI::Option* prompt_file = command.get_option("--prompt-file");
    prompt_file->excludes(command.get_option("--prompt"));
    prompt_file->excludes(command.get_option("--grid"));
}

std::uint64_t seed_of(const std::string& text) {
    if (text != "-1") return std::stoull(text);
    // 32 bits, as other programs have them
    const std::uint64_t seed = std::random_device()() & 0xFFFFFFFF;
    report::message(fmt::format("seed {}", seed));
    return seed;
}

pipeline::Txt2ImgRequest request_template(const DrawingOptions& options,
                                          const pipeline::ModelSpec& spec,
                                          const Embeddings& embeddings) {
    pipeline::Txt2ImgRequest request = sampling_request(options.sampling, spec);
    request.negative_prompt = options.negative_prompt;
    apply(options.prompts, request);
    request.embeddings = embeddings;
    request.width = options.width.value_or(request.width);
    request.height = options.height.value_or(request.height);
    request.keep_steps = !options.save_latents.empty();
    return request;
}

PicturePaths paths_of(const DrawingOptions& options, std::size_t count) {
    if (!options.prompt_file.empty() && fs::path(options.output.output).extension() == ".png")
        throw Error("with --prompt-file, --output names a folder");
    if (!options.save_latents.empty()) {
        if (count > 1) throw Error("--save-latents takes one picture at a time");
        expect_writable(options.save_latents, options.output.overwrite);
    }
    if (!options.save_npz.empty()) expect_writable(options.save_npz, options.output.overwrite);
    return options.grid.empty() ? PicturePaths{{}, picture_paths(options.output, count)}
                                : grid_paths(options.output, count);
}

}  // namespace ldm::program
