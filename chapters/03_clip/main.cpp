#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "chapters/03_clip/contrastive_loss.h"
#include "chapters/03_clip/feature_extractor.h"
#include "chapters/03_clip/figures.h"
#include "common/io/json.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

namespace {

using namespace ldm;

/// Every caption there is: those that the model was trained on, and those that were held out.
std::vector<std::string> all_captions(const std::filesystem::path& model) {
    const io::Json json = io::read_json(model / "captions.json");
    auto captions = io::get<std::vector<std::string>>(json, "train");
    const auto held_out = io::get<std::vector<std::string>>(json, "heldout");
    captions.insert(captions.end(), held_out.begin(), held_out.end());
    return captions;
}

/// The five most probable texts for a picture, out of all; probabilities [texts].
clip::Choice choose(const image::Example& example, const std::vector<std::string>& texts,
                    std::span<const float> probabilities) {
    std::vector<std::size_t> order(texts.size());
    std::iota(order.begin(), order.end(), 0);
    const std::size_t best = std::min<std::size_t>(5, order.size());
    std::ranges::partial_sort(order, order.begin() + best, std::greater{},
                              [&](std::size_t i) { return probabilities[i]; });
    clip::Choice choice{example.picture, example.caption, {}};
    for (std::size_t i = 0; i < best; ++i)
        choice.best.push_back({texts[order[i]], probabilities[order[i]]});
    return choice;
}

/// The tokens that the text tower reads: "[grinning</w>][cat</w>]".
std::string pieces(const text::ClipTokenizer& tokenizer, const std::string& text) {
    std::string line;
    for (const std::int32_t id : tokenizer.tokenize(text)) line += "[" + tokenizer.token(id) + "]";
    return line;
}

report::Table token_table(const text::ClipTokenizer& tokenizer,
                          const std::vector<std::string>& captions) {
    report::Table table({"caption", "tokens"});
    for (const std::string& text : captions) table.add({text, pieces(tokenizer, text)});
    return table;
}

/// Zero-shot classification of the pictures, with all captions as classes.
/// image_features [pictures, projection_dim].
std::vector<clip::Choice> classify(const clip::FeatureExtractor& extractor,
                                   const Tensor& image_features,
                                   const std::vector<image::Example>& examples,
                                   const std::vector<std::string>& texts) {
    const Tensor logits =
        extractor.model().logits_per_text(extractor.text_features(texts), image_features);
    const Tensor probabilities =
        ops::to(clip::zero_shot(ops::permute(logits, {1, 0})), Device::cpu);
    std::vector<clip::Choice> choices;
    for (std::size_t i = 0; i < examples.size(); ++i)
        choices.push_back(choose(examples[i], texts,
                                 probabilities.values().subspan(i * texts.size(), texts.size())));
    return choices;
}

void print(const std::vector<clip::Choice>& choices, std::size_t texts) {
    report::Table table({"picture", "most probable caption", "probability"});
    for (const auto& [picture, own, best] : choices)
        table.add({own, best.front().caption, fmt::format("{:.3f}", best.front().probability)});
    const auto right = std::ranges::count_if(choices, [](const clip::Choice& choice) {
        return choice.own == choice.best.front().caption;
    });
    fmt::print("\nZero-shot classification with {} captions as classes; {} of {} are right:\n{}",
               texts, right, choices.size(), table.text());
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string caption;
    return report::ChapterProgram("03_clip", "Which caption belongs to which picture, by CLIP.")
        .option("--caption", caption, "words of your own, compared with every picture")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            const clip::FeatureExtractor extractor(arguments.model, arguments.device);
            const auto examples = image::example_pictures(arguments.model);
            std::vector<image::Image> pictures;
            std::vector<std::string> captions;
            for (const auto& example : examples) {
                pictures.push_back(example.picture);
                captions.push_back(example.caption);
            }
            if (!caption.empty()) captions.push_back(caption);
            fmt::print("{}\n", token_table(extractor.tokenizer(), captions).text());

            const Tensor image_features = extractor.image_features(pictures);
            const Tensor cosines =
                clip::cosine_similarity(extractor.text_features(captions), image_features);
            arguments.save("03_clip.png", clip::similarity_figure(examples, captions, cosines));

            const auto texts = all_captions(arguments.model);
            const auto choices = classify(extractor, image_features, examples, texts);
            arguments.save("03_clip_zero_shot.png", clip::zero_shot_figure(choices, texts.size()));
            print(choices, texts.size());
        });
}
