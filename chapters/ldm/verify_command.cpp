#include "chapters/08_ldm_pipeline/all_components.h"
#include "chapters/09_training/verify.h"
#include "chapters/ldm/commands.h"
#include "common/verify/verify.h"

#include <fmt/format.h>

#include <iostream>
#include <memory>

namespace ldm::program {
namespace {

struct Options {
    std::vector<std::string> files;
    std::string device = "cpu";
    bool json = false;
};

int verify_files(const Options& options) {
    const Device device = device_from(options.device);
    expect_usable(device);
    verify::Registry registry = pipeline::all_components();
    train::register_components(registry);
    io::Json reports = io::Json::array();
    int passed = 0, failed = 0;
    for (const std::string& file : options.files) {
        const verify::FileReport report = verify::verify_file(registry, file, device);
        (report.status == verify::FileReport::Status::passed ? passed : failed) += 1;
        if (options.json)
            reports.push_back(verify::to_json(report));
        else
            verify::print_text(std::cout, report);
        std::cout.flush();
    }
    if (options.json)
        std::cout << io::Json{{"files", reports}, {"passed", passed}, {"failed", failed}}.dump(2) << "\n";
    else
        std::cout << fmt::format("{} passed, {} failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("verify", "Check components against stored reference cases");
    command->add_option("FILE", options->files, "Case files (.safetensors, format ldm-case v1)")->required();
    command->add_option("--device", options->device, "Where to compute")->check(CLI::IsMember({"cpu", "cuda"}))->capture_default_str();
    command->add_flag("--json", options->json, "Print one JSON object instead of lines");
    command->callback([options, &status] { status = verify_files(*options); });
}

}  // namespace ldm::program
