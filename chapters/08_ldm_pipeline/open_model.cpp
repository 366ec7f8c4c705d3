#include "chapters/08_ldm_pipeline/open_model.h"

#include <fmt/format.h>

#include "chapters/08_ldm_pipeline/diffusers_folder.h"
#include "chapters/08_ldm_pipeline/families.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;
using Layout = nn::ModelSource::Layout;

OpenedModel open_own_folder(const fs::path& path) {
    const io::Json config = io::read_json(path / "config.json");
    if (config.is_object() && config.contains("_class_name"))
        throw Error(fmt::format("{} is one part of a diffusers folder: name the folder above it",
                                path.string()));
    nn::ModelSource source = nn::open_folder(path);
    ModelSpec spec =
        spec_from_settings(source.config(), "latent diffusion (Stable Diffusion 1.x's)");
    return {std::move(spec), std::move(source)};
}

OpenedModel open_single_file(const fs::path& path) {
    expect_readable_safetensors(path);
    const io::SafetensorsFile file(path);
    const ModelFamily family = identify(file);
    nn::ModelSource source({.layout = Layout::single_file,
                            .path = path,
                            .config = sd1_settings(),
                            .weight_files = {path}});
    source.checkpoint().add(file);
    ModelSpec spec = spec_from_settings(source.config(), family.name);
    spec.problems = family.problems;
    return {std::move(spec), std::move(source)};
}

/// A folder of the Hugging Face cache holds the model one level down, under a version's name.
void expect_no_cache(const fs::path& path) {
    if (!fs::is_directory(path / "snapshots")) return;
    for (const fs::directory_entry& version : fs::directory_iterator(path / "snapshots"))
        throw Error(fmt::format("{} is a folder of the Hugging Face cache: name {} inside it",
                                path.string(), version.path().string()));
}

}  // namespace

std::string name_of(Layout layout) {
    switch (layout) {
        case Layout::none:
            return "no model";
        case Layout::memory:
            return "on no disk";
        case Layout::folder:
            return "model folder of this project";
        case Layout::single_file:
            return "single file (CompVis's names)";
        case Layout::diffusers:
            return "diffusers folder";
    }
    return "";
}

OpenedModel open_model(const fs::path& path) {
    if (!fs::exists(path)) throw Error(fmt::format("{}: no such file or folder", path.string()));
    if (!fs::is_directory(path)) return open_single_file(path);
    if (fs::exists(path / "config.json")) return open_own_folder(path);
    if (is_diffusers_folder(path)) return open_diffusers_folder(path);
    expect_no_cache(path);
    throw Error(
        fmt::format("{} is no model: it has neither config.json (a model of this project) nor "
                    "unet/ (diffusers)",
                    path.string()));
}

}  // namespace ldm::pipeline
