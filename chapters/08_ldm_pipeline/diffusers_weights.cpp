#include "chapters/08_ldm_pipeline/diffusers_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>
#include <set>

#include "common/error.h"
#include "common/io/json.h"
#include "common/io/utf8.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;

/// `name` without beginning and end, if it has both: "fp16" of "model.fp16.safetensors".
std::optional<std::string> between(std::string_view name, std::string_view begin,
                                   std::string_view end) {
    if (!name.starts_with(begin) || !name.ends_with(end)) return std::nullopt;
    // the dot before and after a variant is the same one where there is none
    if (name.size() + 1 == begin.size() + end.size()) return "";
    if (name.size() <= begin.size() + end.size()) return std::nullopt;
    return std::string(name.substr(begin.size(), name.size() - begin.size() - end.size()));
}

/// The file, or the index of several files, of each variant.
std::map<std::string, fs::path> variants_of(const fs::path& folder, const std::string& stem,
                                            const std::string& kind) {
    std::map<std::string, fs::path> whole, indices;
    if (!fs::is_directory(folder)) return {};
    for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
        const std::string name = file.path().filename().string();
        if (const auto variant = between(name, stem + ".", "." + kind);
            variant && variant->find("-of-") == std::string::npos)
            whole[*variant] = file.path();
        if (const auto variant = between(name, stem + "." + kind + ".index.", ".json"))
            indices[*variant] = file.path();
    }
    whole.merge(indices);
    return whole;
}

const fs::path& preferred(const std::map<std::string, fs::path>& variants, const fs::path& folder) {
    for (const char* variant : {"", "fp16", "bf16"})
        if (const auto found = variants.find(variant); found != variants.end())
            return found->second;
    if (variants.size() == 1) return variants.begin()->second;
    std::vector<std::string> names;
    for (const auto& [variant, path] : variants) names.push_back(path.filename().string());
    throw Error(fmt::format("its {}/ has only variants, of which one has to stay: {}",
                            folder.filename().string(), fmt::join(names, ", ")));
}

/// The files that an index names, each once, all of them beside it.
std::vector<fs::path> listed_in(const fs::path& index) {
    std::set<std::string> names;
    try {
        const auto map = io::get<io::Json>(io::read_json(index), "weight_map");
        if (!map.is_object() || map.empty()) throw Error("'weight_map' has no files");
        for (const auto& [weight, file] : map.items())
            names.insert(io::get<std::string>(map, weight));
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", index.string(), error.what()));
    }
    std::vector<fs::path> files;
    for (const std::string& name : names) {
        if (name.empty() || name == ".." || name == "." || name.find('/') != name.npos)
            throw Error(fmt::format("{}: '{}' is no file beside it", index.string(),
                                    text::printable(name)));
        files.push_back(index.parent_path() / name);
        if (!fs::exists(files.back()))
            throw Error(fmt::format("its {}/ lacks {}, which {} names",
                                    index.parent_path().filename().string(), text::printable(name),
                                    index.filename().string()));
    }
    return files;
}

}  // namespace

std::vector<fs::path> diffusers_weights(const fs::path& folder,
                                        const std::vector<std::string>& stems) {
    for (const char* kind : {"safetensors", "bin"})
        for (const std::string& stem : stems) {
            const auto variants = variants_of(folder, stem, kind);
            if (variants.empty()) continue;
            const fs::path& file = preferred(variants, folder);
            if (file.extension() == ".json") return listed_in(file);
            return {file};
        }
    throw Error(fmt::format("its {}/ has no {}.safetensors (nor .bin)", folder.filename().string(),
                            stems.front()));
}

}  // namespace ldm::pipeline
