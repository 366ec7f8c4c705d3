#include "chapters/ldm/drawing_command.h"

#include <utility>

#include "chapters/ldm/drawing_plan.h"
#include "chapters/ldm/drawing_run.h"

namespace ldm::program {

void add_drawing_command(CLI::App& app, const std::string& name, const std::string& description,
                         const MakeDrawingCommand& make, int& status) {
    const std::shared_ptr<DrawingCommand> command = make();
    CLI::App* subcommand = app.add_subcommand(name, description);
    command->add_options(*subcommand);
    subcommand->callback([=, &status] {
        DrawingOptions& options = command->options();
        options.has_prompt = subcommand->count("--prompt") + subcommand->count("--prompt-file") > 0;
        options.output.is_chosen = subcommand->count("--output") > 0;
        if (options.origin) {
            expect_model(*options.origin, options.model);
            if (options.lora.empty())
                options.lora = loras_of(*options.origin, options.prompts.lora_dir);
        }
        run(options, plan_pictures(*subcommand, command, make));
        status = 0;
    });
}

}  // namespace ldm::program
