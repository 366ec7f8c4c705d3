#include <fmt/format.h>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/11_editing/decoding_memory.h"
#include "chapters/11_editing/editing_figure.h"
#include "chapters/11_editing/figures.h"
#include "common/report/chapter_program.h"
#include "common/report/progress.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

using namespace ldm;
using namespace ldm::editing;

namespace {

/// Widths of pictures to be decoded with Stable Diffusion's decoder; 0: none.
struct Measured {
    int strips = 0, at_once = 0;
};

void print_costs(const Measured& measured) {
    report::Table table({"pixels", "decoded", "processor seconds", "memory (GB)"});
    const auto add = [&](int size, bool in_strips) {
        if (size == 0) return;
        const DecodingCost cost = decoding_cost(size, in_strips);
        table.add({fmt::format("{0} x {0}", cost.size), cost.way,
                   fmt::format("{:.1f}", cost.seconds), fmt::format("{:.2f}", cost.memory)});
    };
    add(measured.strips, true);
    add(measured.at_once, false);
    fmt::print("Stable Diffusion's decoder with random weights:\n{}\n", table.text());
}

void draw_seams(const report::ChapterArguments& arguments) {
    const pipeline::OpenedModel opened = pipeline::open_model(arguments.model);
    opened.source.checkpoint().use({.device = arguments.device});
    const pipeline::FirstStageConfig& config = opened.spec.first_stage;
    const nn::Params weights = opened.source.weights("first_stage_model");
    const pipeline::FirstStageDecoder decoder(weights, config, opened.spec.scale_factor);
    const pipeline::FirstStageEncoder encoder(weights, config, opened.spec.scale_factor);
    opened.source.check();

    const auto decodings = tiled_decodings(
        encoder, decoder,
        image::choose_examples(arguments.model,
                               {"grinning_cat", "rainbow", "rocket", "tropical_fish"}),
        arguments.device);
    report::Table table({"decoded", "largest difference from at once (255ths)"});
    for (const TiledDecoding& decoding : decodings)
        table.add({decoding.name, fmt::format("{:.2g}", decoding.difference)});
    fmt::print("The latent of a picture of {}, decoded in four ways:\n{}\n",
               to_string(decodings[0].picture.shape()), table.text());
    arguments.save("11_editing_seams.png", seams_figure(decodings));
}

void draw_edited(const report::ChapterArguments& arguments, const std::string& prompt) {
    pipeline::OpenedModel opened = pipeline::open_model(arguments.model);
    opened.source.use({.device = arguments.device});
    const pipeline::LatentDiffusion model(std::move(opened), {.encodes = true});
    const report::Activity activity("drawing");
    arguments.save("11_editing.png", editing_figure(model, prompt, arguments.seed));
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    Measured measured;
    std::string prompt = "grinning cat";
    return report::ChapterProgram(
               "11_editing",
               "A picture drawn again, in part, varied and enlarged; large ones in "
               "patches and tiles.")
        .option("--prompt", prompt, "What to draw")
        .option("--strips", measured.strips,
                "Also decode a picture so wide with Stable Diffusion's decoder in strips, and "
                "print time and memory")
        .option("--at-once", measured.at_once, "The same at once (2048 takes more than 10 GB)")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            draw_edited(arguments, prompt);
            draw_seams(arguments);
            if (measured.strips != 0 || measured.at_once != 0) print_costs(measured);
        });
}
