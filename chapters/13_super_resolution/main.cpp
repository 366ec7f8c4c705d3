#include <fmt/format.h>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/13_super_resolution/bsrgan.h"
#include "chapters/13_super_resolution/degradation_figure.h"
#include "chapters/13_super_resolution/upscaling_figure.h"
#include "common/image/crop.h"
#include "common/image/example_pictures.h"
#include "common/io/data_path.h"
#include "common/report/chapter_program.h"
#include "common/report/table.h"

using namespace ldm;
using namespace ldm::super_resolution;

namespace {

/// The small model, on pictures that its training has not seen.
void draw_enlarged(const report::ChapterArguments& arguments) {
    pipeline::OpenedModel opened =
        pipeline::open_model(io::data_path("models/emoji_super_resolution"));
    opened.source.use({.device = arguments.device});
    const pipeline::LatentDiffusion model(std::move(opened));
    const auto enlarged =
        upscalings(model,
                   image::choose_examples(arguments.model,
                                          {"kiss_person_person_dark_skin_tone_light_skin_tone",
                                           "man_technologist_medium_light_skin_tone",
                                           "woman_surfing_medium_dark_skin_tone"}),
                   "bsrgan_light", arguments.seed);
    report::Table table({"picture", "bicubic", "latent diffusion"});
    for (const Upscaling& one : enlarged)
        table.add({one.name, fmt::format("{:.2f} dB, {:.3f}", one.psnr_bicubic, one.ssim_bicubic),
                   fmt::format("{:.2f} dB, {:.3f}", one.psnr_drawn, one.ssim_drawn)});
    fmt::print("\nEnlarged four times (PSNR, SSIM):\n{}\n", table.text());
    arguments.save("13_super_resolution_enlarged.png", upscaling_figure(enlarged));
}

}  // namespace

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
            draw_enlarged(arguments);
        });
}
