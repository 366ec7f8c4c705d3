#include <fmt/format.h>

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/12_conditioners/figures.h"
#include "chapters/12_conditioners/told_figure.h"
#include "common/io/data_path.h"
#include "common/ops/transfer.h"
#include "common/report/chapter_program.h"
#include "common/report/progress.h"
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

/// One UNet, told what to draw in every way it knows; neighbours are those among the examples.
void draw_told(const report::ChapterArguments& arguments) {
    const auto folder = io::data_path("models/emoji_classes");
    pipeline::OpenedModel opened = pipeline::open_model(folder);
    opened.source.use({.device = arguments.device});
    const pipeline::LatentDiffusion model(std::move(opened));
    const auto examples = image::example_pictures(arguments.model);
    RetrievalIndex::Pool pool{.model = clip_identity(folder)};
    std::vector<image::Image> pictures;
    for (const image::Example& example : examples) {
        pool.entries.push_back({example.slug + ".png", example.caption});
        pictures.push_back(example.picture);
    }
    pool.embeddings =
        ops::to(clip::FeatureExtractor(arguments.model, arguments.device).image_features(pictures),
                Device::cpu);
    const ToldSubject subject{
        .prompt = "red apple",
        .class_label = "food-fruit",
        .picture = image::choose_examples(arguments.model, {"red_apple"})[0].picture,
        .index = std::make_shared<const RetrievalIndex>(std::move(pool)),
        .classifier = std::make_shared<const NoisyLatentClassifier>(
            io::data_path("models/emoji_classifier"), arguments.device)};
    const report::Activity activity("drawing");
    arguments.save("12_conditioners_told.png", told_figure(model, subject, arguments.seed));
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
            draw_told(arguments);
        });
}
