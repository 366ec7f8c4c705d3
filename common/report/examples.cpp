#include "common/report/examples.h"

#include <algorithm>

#include "common/error.h"
#include "common/io/json.h"

namespace ldm::report {

std::vector<Example> load_examples(const std::filesystem::path& model) {
    const auto folder = model / "examples";
    const io::Json captions = io::read_json(folder / "captions.json");
    std::vector<Example> examples;
    for (const auto& [file, caption] : captions.items())
        examples.push_back({std::filesystem::path(file).stem().string(), caption.get<std::string>(),
                            image::load_image(folder / file)});
    if (examples.empty()) throw Error((folder / "captions.json").string() + ": names no picture");
    return examples;
}

std::vector<Example> choose_examples(const std::filesystem::path& model,
                                     const std::vector<std::string>& wanted, std::size_t count) {
    auto examples = load_examples(model);
    const auto rank = [&](const Example& example) {
        return std::ranges::find(wanted, example.slug) - wanted.begin();  // the others come last
    };
    std::ranges::stable_sort(examples, {}, rank);
    if (examples.size() > count) examples.resize(count);
    return examples;
}

}  // namespace ldm::report
