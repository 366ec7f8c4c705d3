#include <fmt/format.h>

#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/04_attention/variants/benchmark.h"
#include "chapters/04_attention/word_maps.h"
#include "common/image/example_pictures.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"

namespace {

using namespace ldm;

// Cross-attentions of the shipped UNet whose inputs are stored beside it, both of 8 x 8 pixels.
constexpr const char* places[] = {"middle_block.1", "output_blocks.1.1"};

void print_shares(const std::vector<attention::Word>& words,
                  const std::vector<attention::WordMaps>& layers) {
    for (const auto& [side, maps] : layers) {
        report::Table table({fmt::format("{} x {} pixels", side, side), "mean weight", "highest",
                             "where (row, column)"});
        for (std::size_t i = 0; i < words.size(); ++i) {
            const auto& map = maps[i];
            const auto peak = std::ranges::max_element(map) - map.begin();
            table.add({words[i].text, fmt::format("{:.3f}", attention::mean_of(map)),
                       fmt::format("{:.3f}", map[peak]),
                       fmt::format("{}, {}", peak / side, peak % side)});
        }
        fmt::print("\n{}", table.text());
    }
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string prompt;
    int tokens = 1024;
    return report::ChapterProgram("04_attention",
                                  "Attention weights of words, and how attention is computed fast.")
        .option("--prompt", prompt, "other words for the stored picture [its caption]")
        .option("--tokens", tokens, "largest size of the benchmark; SD 1.5 at 512x512 has 4096")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            if (tokens < 1 || tokens > 16384)
                throw Error(fmt::format("--tokens: expected 1 to 16384, got {}", tokens));
            const nn::ActivationSnapshot snapshot =
                nn::read_activation_snapshot(arguments.model, arguments.device);
            const auto examples = image::example_pictures(arguments.model);
            const nn::ModelSource model = nn::open_folder(arguments.model, arguments.device);
            const clip::PromptEncoder encoder = clip::load_prompt_encoder(model);

            if (prompt.empty()) prompt = snapshot.caption;
            const Tensor context = encoder({prompt});  // [1, M, D]
            const auto words = attention::words_of(encoder.tokenizer(), encoder.ids({prompt}));
            std::vector<attention::WordMaps> layers;
            for (const char* place : places)
                layers.push_back(
                    attention::word_attention_maps(model, snapshot, place, context, words));
            arguments.save("04_attention.png", attention::word_maps_figure(
                                                   examples.at(snapshot.example).picture, words,
                                                   {std::begin(places), std::end(places)}, layers));
            fmt::print("Cross-attention weights on the picture \"{}\", noised to t = {}:\n",
                       snapshot.caption, snapshot.t);
            print_shares(words, layers);

            fmt::print("\nOne head of 40 channels, four ways, on one thread:\n{}",
                       attention::variants::benchmark({256, tokens}, 40, arguments.seed).text());
            if (const auto table =
                    attention::variants::benchmark_on_gpu({256, tokens}, 40, arguments.seed))
                fmt::print("\nThe same on the GPU:\n{}", table->text());
        });
}
