#include "common/image/example_pictures.h"

#include <algorithm>

#include "common/error.h"
#include "common/io/json.h"

namespace ldm::image {

std::vector<Example> example_pictures(const std::filesystem::path& model_folder) {
    const auto folder = model_folder / "examples";
    const auto file = folder / "captions.json";
    const io::Json captions = io::read_json(file);
    if (!captions.is_object() || captions.empty())
        throw Error(file.string() + ": expected an object of file names and captions");
    std::vector<Example> examples;
    for (const auto& [name, _] : captions.items())
        examples.push_back({io::get<std::string>(captions, name), load_image(folder / name),
                            std::filesystem::path(name).stem().string()});
    return examples;
}

std::vector<Example> choose_examples(const std::filesystem::path& model_folder,
                                     const std::vector<std::string>& wanted, std::size_t count) {
    auto examples = example_pictures(model_folder);
    const auto rank = [&](const Example& example) {
        // the others come last
        return std::ranges::find(wanted, example.slug) - wanted.begin();
    };
    std::ranges::stable_sort(examples, {}, rank);
    if (examples.size() > count) examples.resize(count);
    return examples;
}

}  // namespace ldm::image
