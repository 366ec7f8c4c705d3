#include <memory>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/11_editing/hires.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_run.h"

namespace ldm::program {

void add_txt2img(CLI::App& app, int& status) {
    auto options = std::make_shared<DrawingOptions>();
    CLI::App* command = app.add_subcommand("txt2img", "Draw a picture of a prompt");
    add_drawing_options(*command, *options);
    command->callback([=, &status] {
        finish(*command, *options);
        run(*options,
            {.expect_possible = [](const auto& request,
                                   const auto& spec) { pipeline::expect_possible(request, spec); },
             .draw =
                 [](const auto& model, const auto& request, const auto& observer) {
                     const auto drawn = pipeline::txt2img(model, request, observer);
                     return Drawing::Result{drawn, pictures_of(drawn)};
                 }});
        status = 0;
    });
}

}  // namespace ldm::program
