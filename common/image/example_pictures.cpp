#include "common/image/example_pictures.h"

#include <fmt/format.h>

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
                                     const std::vector<std::string>& wanted) {
    const auto examples = example_pictures(model_folder);
    std::vector<Example> chosen;
    for (const std::string& slug : wanted) {
        const auto found = std::ranges::find(examples, slug, &Example::slug);
        if (found == examples.end()) {
            std::string slugs;
            for (const Example& example : examples)
                slugs += (slugs.empty() ? "" : ", ") + example.slug;
            throw Error(fmt::format("{}: there is no example '{}'; there are {}",
                                    (model_folder / "examples").string(), slug, slugs));
        }
        chosen.push_back(*found);
    }
    return chosen;
}

}  // namespace ldm::image
