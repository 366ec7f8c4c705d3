#include <fmt/format.h>

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/12_conditioners/figures.h"
#include "common/ops/transfer.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

using namespace ldm;
using namespace ldm::conditioners;

namespace {

void draw_neighbours(const report::ChapterArguments& arguments,
                     const std::vector<std::string>& texts) {
    const clip::FeatureExtractor extractor(arguments.model, arguments.device);
    const auto examples = image::example_pictures(arguments.model);
    std::vector<image::Image> pictures;
    for (const image::Example& example : examples) pictures.push_back(example.picture);
    const auto here = [](const Tensor& x) { return ops::to(x, Device::cpu); };
    const Neighbours found = nearest_neighbours(here(extractor.image_features(pictures)),
                                                here(extractor.text_features(texts)), 5);
    report::Table table({"text", "nearest picture", "cosine"});
    for (std::size_t i = 0; i < texts.size(); ++i)
        table.add({texts[i], examples[found.ids.ints()[i * 5]].caption,
                   fmt::format("{:.2f}", found.similarities.values()[i * 5])});
    fmt::print("{}\n", table.text());
    arguments.save("12_conditioners.png", neighbours_figure(texts, examples, found));
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string text;
    return report::ChapterProgram("12_conditioners",
                                  "What else can say what to draw: pictures that are nearest to a "
                                  "text, and a picture at the size of the latents.")
        .option("--text", text, "words of your own, to find pictures for")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            std::vector<std::string> texts{"cat with smiling eyes", "green apple", "woman farmer",
                                           "person surfing"};
            if (!text.empty()) texts.push_back(text);
            draw_neighbours(arguments, texts);
            const auto examples = image::choose_examples(arguments.model, {"tropical_fish"});
            arguments.save("12_conditioners_rescaled.png",
                           rescaling_figure(examples[0].picture, 4));
        });
}
