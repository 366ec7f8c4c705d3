#include <fmt/format.h>

#include <memory>

#include "chapters/08_ldm_pipeline/bench.h"
#include "chapters/ldm/commands.h"

namespace ldm::program {

void add_bench(CLI::App& app, int& status) {
    auto options = std::make_shared<pipeline::BenchOptions>();
    auto json = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand(
        "bench", "Time CLIP, UNet and VAE at the size of SD 1.5, on weights by recipe");
    command->add_option("--parts", options->parts, "clip, unet, vae")
        ->delimiter(',')
        ->check(CLI::IsMember({"clip", "unet", "vae"}));
    command->add_option("--size", options->size, "Of the picture, a multiple of 64")
        ->check(CLI::Range(64, 4096))
        ->capture_default_str();
    command->add_option("--repeats", options->repeats, "Runs of which the median counts")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command
        ->add_option_function<std::string>(
            "--precision",
            [options](const std::string& name) { options->precision = ops::precision_from(name); },
            "f32 (default), or bf16: rounded factors, faster where the processor multiplies "
            "bfloat16")
        ->check(CLI::IsMember({"f32", "bf16"}));
    command->add_option("--threads", options->threads, "Processor threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command
        ->add_option_function<std::string>(
            "--device", [options](const std::string& name) { options->device = device_from(name); },
            "cpu (default) or cuda")
        ->check(CLI::IsMember({"cpu", "cuda"}));
    command
        ->add_option_function<std::string>(
            "--dtype", [options](const std::string& name) { options->dtype = dtype_from(name); },
            "What a GPU computes with: f32 (default), f16 or bf16")
        ->check(CLI::IsMember({"f32", "f16", "bf16"}));
    command
        ->add_option_function<std::vector<std::string>>(
            "--cudnn",
            [options](const std::vector<std::string>& names) {
                options->cudnn = ops::cudnn_use_from(names);
            },
            "What goes through cuDNN on a GPU where it can: conv2d (default), attention\n"
            "(in 16 bits), conv2d,attention or none")
        ->delimiter(',')
        ->check(CLI::IsMember({"conv2d", "attention", "none"}));
    command
        ->add_option("--batch-size", options->batch,
                     "Latents at once; a picture with guidance needs two")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    command->add_flag("--json", *json, "Print one JSON object instead of a table");
    command->callback([=, &status] {
        const io::Json report = pipeline::bench(*options);
        fmt::print("{}\n", *json ? report.dump(2) : pipeline::bench_table(report));
        status = 0;
    });
}

}  // namespace ldm::program
