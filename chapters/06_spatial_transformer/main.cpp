#include <fmt/format.h>

#include <algorithm>

#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/06_spatial_transformer/figures.h"
#include "common/image/example_pictures.h"
#include "common/ops/reduce.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

namespace {

using namespace ldm;
using spatial_transformer::AttentionMaps;

constexpr int query_pixels = 6;

report::Table weight_table(const AttentionMaps& maps, const std::vector<attention::Word>& words) {
    report::Table table({"word", "mean attention weight", "largest of a pixel"});
    for (const attention::Word& word : words) {
        const Tensor weights = spatial_transformer::weights_of(maps, word);
        table.add({word.text, fmt::format("{:.1f} %", 100 * ops::mean(weights).item()),
                   fmt::format("{:.1f} %", 100 * *std::ranges::max_element(weights.values()))});
    }
    return table;
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string block = "output_blocks.1";
    return report::ChapterProgram("06_spatial_transformer",
                                  "Self-attention and cross-attention of one block of the UNet.")
        .option("--block", block, "which block of the UNet")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            const nn::ModelSource model = nn::open_folder(arguments.model, arguments.device);
            const nn::ActivationSnapshot snapshot =
                nn::read_activation_snapshot(arguments.model, arguments.device);
            const AttentionMaps maps = spatial_transformer::attention_maps(model, snapshot, block);
            const image::Image picture =
                image::example_pictures(arguments.model).at(snapshot.example).picture;
            const clip::PromptEncoder encoder = clip::load_prompt_encoder(model);
            const auto words =
                attention::words_of(encoder.tokenizer(), encoder.ids({snapshot.caption}));

            fmt::print(
                "\"{}\" at t = {}, {} of the UNet: {} x {} pixels attend to {} words.\n\n{}\n",
                snapshot.caption, snapshot.t, block, maps.height, maps.width, words.size(),
                weight_table(maps, words).text());
            arguments.save(
                "06_spatial_transformer.png",
                spatial_transformer::attention_figure(
                    fmt::format("Self-attention and cross-attention in {}, \"{}\" at t = {}", block,
                                snapshot.caption, snapshot.t),
                    picture, maps, spatial_transformer::different_pixels(maps, query_pixels),
                    words));
        });
}
