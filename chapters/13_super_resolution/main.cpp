#include <fmt/format.h>

#include "chapters/13_super_resolution/bsrgan.h"
#include "chapters/13_super_resolution/degradation_figure.h"
#include "common/image/crop.h"
#include "common/image/example_pictures.h"
#include "common/report/chapter_program.h"

using namespace ldm;
using namespace ldm::super_resolution;

int main(int argc, char** argv) {
    std::string example = "tropical_fish";
    int scale = 4;
    return report::ChapterProgram("13_super_resolution",
                                  "What makes a large picture a small one: blur, noise, JPEG.")
        .option("--example", example, "Which of the model's example pictures")
        .option("--scale", scale, "How many times smaller it becomes")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            const image::Image picture =
                image::choose_examples(arguments.model, {example})[0].picture;
            const std::uint64_t seed = arguments.seed + seeds_in_a_row - 1;
            const Plan plan = plan_bsrgan({picture.width, picture.height}, scale, seed);
            fmt::print("bsrgan's plan for seed {}, {} times smaller:\n{}", seed, scale,
                       describe(plan));
            const image::Image whole =
                image::crop(picture, 0, 0, picture.width - picture.width % scale,
                            picture.height - picture.height % scale);
            arguments.save("13_super_resolution.png",
                           degradation_figure(whole, scale, arguments.seed));
        });
}
