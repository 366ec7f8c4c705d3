#include <fmt/format.h>

#include <memory>

#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/12_conditioners/config_file/network_parts.h"
#include "chapters/12_conditioners/text_towers.h"
#include "chapters/ldm/commands.h"
#include "common/error.h"
#include "common/io/yaml.h"

namespace ldm::program {

namespace {

/// The networks that a file asks for. An Error says in which file it is.
std::string networks_of(const std::string& path) {
    const io::Json config = io::read_yaml(path);
    try {
        return conditioners::parts_table(conditioners::network_parts(config));
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", path, error.what()));
    }
}

}  // namespace

void add_inspect(CLI::App& app, int& status) {
    auto path = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand(
        "inspect", "Tell what a checkpoint is, whether it is whole, and how big");
    command
        ->add_option(
            "MODEL", *path,
            "A .safetensors or .ckpt file, a diffusers folder, a model of this project, or a\n"
            ".yaml that describes networks as upstream's do (how large is each?)")
        ->type_name("FILE")
        ->required();
    command->callback([path, &status] {
        if (path->ends_with(".yaml") || path->ends_with(".yml")) {
            fmt::print("{}", networks_of(*path));
            status = 0;
            return;
        }
        const pipeline::Inspection inspection =
            pipeline::inspect(*path, conditioners::all_text_towers());
        fmt::print("{}", inspection.text);
        status = inspection.whole ? 0 : 1;
    });
}

}  // namespace ldm::program
