#include <fmt/format.h>

#include <iostream>
#include <map>
#include <memory>

#include "chapters/ldm/commands.h"
#include "chapters/ldm/components.h"

namespace ldm::program {
namespace {

struct Options {
    std::vector<std::string> files;
    std::string device = "cpu", dtype = "f32";
    bool json = false;
};

int verify_files(const Options& options) {
    const Device device = device_from(options.device);
    const DType dtype = dtype_from(options.dtype);
    if (device == Device::cpu && dtype != DType::f32)
        throw Error(fmt::format("--dtype {} is for --device cuda", options.dtype));
    expect_usable(device);
    const verify::Registry registry = known_components();
    using Status = verify::FileReport::Status;
    std::map<Status, int> count;
    io::Json reports = io::Json::array();
    for (const std::string& file : options.files) {
        const verify::FileReport report = verify::verify_file(registry, file, device, dtype);
        ++count[report.status];
        if (options.json)
            reports.push_back(verify::to_json(report));
        else
            verify::print_text(std::cout, report);
        std::cout.flush();
    }
    const int passed = count[Status::passed], f32_only = count[Status::f32_only],
              failed = count[Status::failed] + count[Status::error];
    if (options.json)
        std::cout << io::Json{{"device", describe(device)}, {"dtype", options.dtype},
                              {"files", reports},           {"passed", passed},
                              {"failed", failed},           {"f32_only", f32_only}}
                         .dump(2)
                  << "\n";
    else
        std::cout << fmt::format(
            "{} passed, {} failed{}\n", passed, failed,
            dtype == DType::f32 ? "" : fmt::format(", {} float32 only", f32_only));
    return failed == 0 ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command =
        app.add_subcommand("verify", "Check components against stored reference cases");
    command->add_option("FILE", options->files, "Case files (.safetensors, format ldm-case v1)")
        ->type_name("FILE")
        ->required();
    command->add_option("--device", options->device, "Where to compute")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    command
        ->add_option("--dtype", options->dtype,
                     "What a GPU computes with: f32 (gradients, too, and the tolerances of the "
                     "cases), or f16 or bf16 (forward only;\n"
                     "errors as shares of what is wanted, within 64 roundings of the type; tables, "
                     "losses and optimizers are float32 only)")
        ->check(CLI::IsMember({"f32", "f16", "bf16"}))
        ->capture_default_str();
    command->add_flag("--json", options->json, "Print one JSON object instead of lines");
    command->callback([options, &status] { status = verify_files(*options); });
}

}  // namespace ldm::program
