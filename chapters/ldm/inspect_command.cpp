#include <fmt/format.h>

#include <memory>

#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/12_conditioners/text_towers.h"
#include "chapters/ldm/commands.h"

namespace ldm::program {

void add_inspect(CLI::App& app, int& status) {
    auto path = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand(
        "inspect", "Tell what a checkpoint is, whether it is whole, and how big");
    command
        ->add_option("MODEL", *path,
                     "A .safetensors or .ckpt file, a diffusers folder, or a model of this project")
        ->type_name("FILE")
        ->required();
    command->callback([path, &status] {
        const pipeline::Inspection inspection =
            pipeline::inspect(*path, conditioners::all_text_towers());
        fmt::print("{}", inspection.text);
        status = inspection.whole ? 0 : 1;
    });
}

}  // namespace ldm::program
