#include "chapters/12_conditioners/told_figure.h"

#include <fmt/format.h>

#include "common/figures/sheet.h"

namespace ldm::conditioners {
namespace {

constexpr int neighbours = 4;
/// Of the classifier: strong enough to be seen, weak enough to draw no artefacts.
constexpr float classifier_scale = 3.0f;

struct Row {
    std::string name, prompt;
    Told told;
    bool is_guided = true;
};

std::vector<Row> rows_of(const ToldSubject& subject) {
    return {
        {.name = "nothing", .is_guided = false},
        {.name = "words", .prompt = subject.prompt},
        {.name = "a class", .told = {.class_label = subject.class_label}},
        {.name = "a picture", .told = {.picture = subject.picture}},
        {.name = "and its neighbours",
         .told = {.picture = subject.picture, .index = subject.index, .neighbours = neighbours}},
        {.name = "a classifier's gradient",
         .told = {.classifier = subject.classifier,
                  .classifier_label = subject.class_label,
                  .classifier_scale = classifier_scale},
         .is_guided = false}};
}

}  // namespace

figures::Canvas told_figure(const pipeline::LatentDiffusion& model, const ToldSubject& subject,
                            std::uint64_t seed) {
    std::vector<figures::Tile> tiles;
    std::vector<std::string> names;
    for (const Row& row : rows_of(subject)) {
        pipeline::Txt2ImgRequest request = pipeline::preferred_request(model.spec());
        if (!row.is_guided) request.cfg_scale = 1.0f;
        for (int i = 0; i < told_seeds; ++i) {
            request.prompts.push_back(row.prompt);
            request.seeds.push_back(seed + static_cast<std::uint64_t>(i));
        }
        const auto result = draw(model, request, row.told);
        for (int i = 0; i < told_seeds; ++i)
            tiles.push_back({pipeline::to_uint8_image(result.pictures, i)});
        names.push_back(row.name);
    }
    return figures::sheet(tiles, {.title = "The same noise, told in different ways",
                                  .caption = fmt::format("words \"{}\", class \"{}\"",
                                                         subject.prompt, subject.class_label),
                                  .columns = told_seeds,
                                  .row_labels = names});
}

}  // namespace ldm::conditioners
