#include "chapters/08_ldm_pipeline/open_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/08_ldm_pipeline/autoencoder_weights.h"
#include "chapters/08_ldm_pipeline/diffusers_folder.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/08_ldm_pipeline/prediction.h"
#include "chapters/08_ldm_pipeline/single_file_names.h"
#include "chapters/08_ldm_pipeline/stored_buffers.h"
#include "common/io/atomic_file.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;
using Layout = nn::ModelSource::Layout;

/// Of a folder with one network of diffusers, by its class.
std::string what_a_part_is(const std::string& class_name) {
    if (class_name == "ControlNetModel") return "is a ControlNet, and these cannot be used yet";
    if (class_name == "AutoencoderKL")
        return "is an autoencoder (VAE) alone: name a model and give it this folder with --vae";
    if (class_name == "AutoencoderTiny")
        return "is a TAESD: name a model and give it the file in this folder with --taesd";
    return "is one part of a diffusers folder: name the folder above it";
}

OpenedModel open_own_folder(const fs::path& path) {
    const io::Json config = io::read_json(path / "config.json");
    if (config.is_object() && config.contains("_class_name"))
        throw Error(fmt::format("{} {}", path.string(),
                                what_a_part_is(io::get<std::string>(config, "_class_name"))));
    if (config.is_object() && config.contains("classifier_config"))
        throw Error(
            fmt::format("{} is a classifier: name it with --classifier, and a model with --model",
                        path.string()));
    nn::ModelSource source = nn::open_folder(path);
    ModelSpec spec =
        spec_from_settings(source.config(), "latent diffusion (Stable Diffusion 1.x's)");
    return {std::move(spec), std::move(source)};
}

OpenedModel open_single_file(const fs::path& path, bool separate_autoencoder) {
    io::TensorFile file = with_compvis_names(io::open_tensor_file(path));
    ModelFamily family = identify(file, separate_autoencoder);
    io::Json settings = settings_of(family);
    try {
        if (family.problems.empty()) settings = with_stored_buffers(settings, file);
    } catch (const Error& error) {
        family.problems.emplace_back(error.what());
    }
    if (io::get_or(settings, "use_ema", false)) file = with_averages(file);
    nn::ModelSource source({.layout = Layout::single_file,
                            .path = path,
                            .config = std::move(settings),
                            .weight_files = {path}});
    source.checkpoint().add(file);
    // once more the first stage, which encodes the masked picture, too
    if (family.name == ldm_inpainting) source.checkpoint().remove("cond_stage_model.");
    ModelSpec spec = spec_from_settings(source.config(), family.name);
    if (!family.problems.empty()) spec.problems = family.problems;
    // all inpainting models of SD 2.x predict eps
    spec.prediction_is_known = family.name != sd2 || family.in_channels > 4;
    if (const auto prediction = stated_prediction(file)) set_prediction(spec, *prediction);
    return {std::move(spec), std::move(source)};
}

/// A folder of the Hugging Face cache (models--organization--name) holds the model under the hash
/// of a version: the one that refs/main names, or the only one. Other folders are what they are.
fs::path current_version(const fs::path& folder) {
    const fs::path versions = folder / "snapshots", current = folder / "refs" / "main";
    if (!fs::is_directory(versions)) return folder;
    if (fs::exists(current)) {
        std::string hash = io::read_text_file(current);
        hash.resize(std::min(hash.size(), hash.find('\n')));
        const bool is_name =
            !hash.empty() && hash.find_first_not_of("0123456789abcdef") == hash.npos;
        if (is_name && fs::is_directory(versions / hash)) return versions / hash;
    }
    std::vector<fs::path> found;
    for (const fs::directory_entry& version : fs::directory_iterator(versions))
        found.push_back(version.path());
    if (found.size() == 1) return found.front();
    throw Error(
        fmt::format("{} is a folder of the Hugging Face cache with {} versions of a model, "
                    "and its refs/main names none of them: name the one inside snapshots/",
                    folder.string(), found.size()));
}

/// Whatever the path is.
OpenedModel open_any(const fs::path& given, bool separate_autoencoder) {
    if (!fs::exists(given)) throw Error(fmt::format("{}: no such file or folder", given.string()));
    if (!fs::is_directory(given)) return open_single_file(given, separate_autoencoder);
    const fs::path path = current_version(given);
    if (fs::exists(path / "config.json")) return open_own_folder(path);
    if (is_diffusers_folder(path)) return open_diffusers_folder(path, separate_autoencoder);
    throw Error(
        fmt::format("{} is no model: it has neither config.json (a model of this project) nor "
                    "unet/ (diffusers)",
                    path.string()));
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

OpenedModel open_model(const fs::path& path, const fs::path& vae) {
    if (vae.empty()) return open_any(path, false);
    const SeparateAutoencoder autoencoder = find_autoencoder(vae);
    OpenedModel model = open_any(path, true);
    if (!model.spec.problems.empty()) return model;
    replace_autoencoder(autoencoder, model.source.setting("first_stage_config"),
                        model.source.checkpoint());
    if (autoencoder.scale_factor > 0)
        model.spec.scale_factor = static_cast<float>(autoencoder.scale_factor);
    return model;
}

}  // namespace ldm::pipeline
