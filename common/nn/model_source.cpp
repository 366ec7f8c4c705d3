#include "common/nn/model_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/io/atomic_file.h"
#include "common/io/data_path.h"
#include "common/io/safetensors.h"
#include "common/text/clip_merges.h"
#include "common/text/tokenizer_json.h"

namespace ldm::nn {

namespace fs = std::filesystem;

ModelSource::ModelSource(io::Json config, std::unique_ptr<Checkpoint> checkpoint)
    : parts_{.layout = Layout::memory,
             .path = {},
             .config = std::move(config),
             .checkpoint = std::move(checkpoint)} {}

std::string ModelSource::name() const {
    return parts_.path.empty() ? "the model" : parts_.path.string();
}

io::Json ModelSource::setting(std::string_view key) const {
    return io::get_or(parts_.config, key, io::Json::object());
}

bool ModelSource::has(std::string_view prefix) const {
    return checkpoint().count(fmt::format("{}.", prefix)).first > 0;
}

text::ClipTokenizer ModelSource::tokenizer() const {
    if (parts_.layout == Layout::none)
        throw Error("there is no model to take the vocabulary from: name one with --init");
    if (parts_.layout == Layout::memory) return text::ClipTokenizer({});
    if (!parts_.tokenizer_json.empty())
        return text::ClipTokenizer::from_tokenizer_json(parts_.tokenizer_json);
    if (parts_.merges.empty())
        return text::ClipTokenizer(text::parse_merges(text::clip_merges(), "CLIP's merges"));
    if (parts_.vocab_json.empty()) return text::ClipTokenizer::from_merges_file(parts_.merges);
    return text::ClipTokenizer::from_files(parts_.vocab_json, parts_.merges);
}

std::string ModelSource::merges_text() const {
    if (parts_.layout == Layout::none || parts_.layout == Layout::memory) return {};
    if (!parts_.tokenizer_json.empty())
        return text::merges_text(text::read_tokenizer_json(parts_.tokenizer_json).merges);
    if (parts_.merges.empty()) return std::string(text::clip_merges());
    // a model without a text tower so far has no vocabulary
    return fs::exists(parts_.merges) ? io::read_text_file(parts_.merges) : std::string();
}

void ModelSource::check() const { checkpoint().check(name()); }

namespace {

/// Where a part lies whose place "ckpt_paths" says.
fs::path file_of_part(const std::string& prefix, const fs::path& folder,
                      const io::Json& elsewhere) {
    if (!elsewhere.is_string())
        throw Error(fmt::format("{}: 'ckpt_paths' must name a folder for '{}'",
                                (folder / "config.json").string(), prefix));
    return folder / elsewhere.get<std::string>() / "model.safetensors";
}

/// Adds the weights below `prefix` of another model's file.
void add_part(Checkpoint& checkpoint, const std::string& prefix, const fs::path& path) {
    Checkpoint whole;
    whole.add(io::open_safetensors(path));
    for (const std::string& name : whole.names())
        if (!name.starts_with(prefix + ".")) whole.remove(name);
    if (whole.names().empty())
        throw Error(
            fmt::format("{}: has no '{}', which another model's 'ckpt_paths' takes from there",
                        path.string(), prefix));
    whole.move_to(checkpoint, [](std::string name) { return name; });
}

}  // namespace

ModelSource open_folder(const fs::path& folder, Device device) {
    io::Json config = io::read_json(folder / "config.json");
    const auto parts = io::get_or(config, "ckpt_paths", io::Json::object());
    if (!parts.is_object())
        throw Error(fmt::format("{}: 'ckpt_paths' must say for each part in which folder it is",
                                (folder / "config.json").string()));
    std::vector<fs::path> files = {folder / "model.safetensors"};
    for (const auto& [prefix, elsewhere] : parts.items()) {
        const fs::path file = file_of_part(prefix, folder, elsewhere);
        if (std::ranges::count(files, file) == 0) files.push_back(file);
    }
    ModelSource model({.layout = ModelSource::Layout::folder,
                       .path = folder,
                       .config = std::move(config),
                       .weight_files = files,
                       .merges = folder / "merges.txt"});
    if (io::get_or(model.config(), "format", "") != "ldm-model v1")
        throw Error(
            fmt::format("{}: 'format' is not \"ldm-model v1\"", (folder / "config.json").string()));
    model.checkpoint().add(io::open_safetensors(folder / "model.safetensors"));
    for (const auto& [prefix, elsewhere] : parts.items())
        add_part(model.checkpoint(), prefix, file_of_part(prefix, folder, elsewhere));
    model.use({.device = device});
    return model;
}

fs::path shipped_model() { return io::data_path("models/emoji"); }

}  // namespace ldm::nn
