#include <fmt/format.h>

#include <algorithm>

#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/04_attention/word_maps.h"
#include "chapters/06_spatial_transformer/attention_maps.h"
#include "common/image/canvas.h"
#include "common/image/color_map.h"
#include "common/image/example_pictures.h"
#include "common/image/sheet.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/report/chapter_program.h"
#include "common/report/table.h"

namespace {

using namespace ldm;
using spatial_transformer::AttentionMaps;

constexpr int columns = 6;

/// The picture under a map of weights, stretched from its smallest to its largest.
image::Image lit(const image::Image& picture, const AttentionMaps& maps, const Tensor& weights) {
    const auto [low, high] = std::ranges::minmax(weights.values());
    const Tensor shares = (weights - low) / std::max(high - low, 1e-9f);
    return image::overlay(picture, shares.values(), maps.height, maps.width);
}

/// The picture with a box around one of the pixels that the transformer sees.
image::Image marked(const image::Image& picture, const AttentionMaps& maps, int pixel, int zoom) {
    image::Canvas canvas(picture.width * zoom, picture.height * zoom);
    canvas.paste(picture, 0, 0, zoom);
    const int w = picture.width * zoom / maps.width, h = picture.height * zoom / maps.height;
    const int x = pixel % maps.width * w, y = pixel / maps.width * h;
    for (int i = 0; i < 3; ++i)
        canvas.frame(x + i, y + i, w - 2 * i, h - 2 * i, image::Color{220, 30, 60});
    return canvas.image();
}

/// Every pixel's attention weight for a word, all its tokens together: [S].
Tensor weights_of(const AttentionMaps& maps, const attention::Word& word) {
    Tensor sum = Tensor::zeros({maps.cross.dim(0), 1});
    for (int token : word.tokens) sum = sum + ops::slice(maps.cross, 1, token, token + 1);
    return sum.reshape({-1});
}

}  // namespace

int main(int argc, char** argv) {
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

            std::vector<image::Tile> asking, answers, words;
            for (int pixel : spatial_transformer::different_pixels(maps, columns)) {
                asking.push_back(
                    {marked(picture, maps, pixel, 3),
                     fmt::format("pixel {}, {}", pixel % maps.width, pixel / maps.width)});
                answers.push_back(
                    {lit(picture, maps, ops::slice(maps.self, 0, pixel, pixel + 1)), "looks at"});
            }
            report::Table table({"word", "mean attention weight", "largest of a pixel"});
            const clip::PromptEncoder encoder = clip::load_prompt_encoder(model);
            const auto caption_words =
                attention::words_of(encoder.tokenizer(), encoder.ids({snapshot.caption}));
            for (const attention::Word& word : caption_words) {
                const Tensor map = weights_of(maps, word);
                const float share = ops::mean(map).item(),
                            most = *std::ranges::max_element(map.values());
                table.add({word.text, fmt::format("{:.1f} %", 100 * share),
                           fmt::format("{:.1f} %", 100 * most)});
                words.push_back(
                    {lit(picture, maps, map), fmt::format("{} {:.0f}%", word.text, 100 * share)});
            }
            fmt::print(
                "\"{}\" at t = {}, {} of the UNet: {} x {} pixels attend to {} words.\n\n{}\n",
                snapshot.caption, snapshot.t, block, maps.height, maps.width, caption_words.size(),
                table.text());

            std::vector<image::Tile> tiles = asking;
            std::ranges::copy(answers, std::back_inserter(tiles));
            std::ranges::copy(words, std::back_inserter(tiles));
            arguments.save(
                "06_spatial_transformer.png",
                image::sheet(
                    tiles, {.title = fmt::format("\"{}\": where the pixels look", snapshot.caption),
                            .columns = columns,
                            .tile_size = 192,
                            .row_labels = {"a pixel", "attn1", "attn2"}}));
        });
}
