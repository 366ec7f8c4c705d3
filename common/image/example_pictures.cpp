#include "common/image/example_pictures.h"

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
        examples.push_back({io::get<std::string>(captions, name), load_image(folder / name)});
    return examples;
}

}  // namespace ldm::image
