#include "chapters/08_ldm_pipeline/model_files.h"

#include <fmt/format.h>

#include "chapters/08_ldm_pipeline/diffusers_keys.h"
#include "chapters/08_ldm_pipeline/sd1_config.h"
#include "common/io/safetensors.h"
#include "common/io/source_tree.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;

ModelFiles open_folder(const fs::path& path) {
    ModelFiles files{ModelKind::folder,
                     path,
                     io::read_json(path / "config.json"),
                     std::make_unique<nn::Checkpoint>(),
                     {path / "model.safetensors"}};
    if (io::get_or(files.config, "format", "") != "ldm-model v1")
        throw Error(
            fmt::format("{}: 'format' is not \"ldm-model v1\"", (path / "config.json").string()));
    files.checkpoint->add(io::SafetensorsFile(path / "model.safetensors"));
    return files;
}

ModelFiles open_single_file(const fs::path& path) {
    ModelFiles files{
        ModelKind::single_file, path, sd1_config(), std::make_unique<nn::Checkpoint>(), {path}};
    files.checkpoint->add(io::SafetensorsFile(path));
    if (!files.checkpoint->contains("model.diffusion_model.input_blocks.0.0.weight"))
        throw Error(
            fmt::format("{} is not an SD 1.x checkpoint: it has no "
                        "'model.diffusion_model.input_blocks.0.0.weight'",
                        path.string()));
    return files;
}

/// Weights of one part of a diffusers folder; half-precision variants are called
/// ….fp16.safetensors.
fs::path weights_of(const fs::path& folder, const std::string& stem) {
    for (const char* ending : {".safetensors", ".fp16.safetensors"})
        if (fs::exists(folder / (stem + ending))) return folder / (stem + ending);
    // opening it will say that it is missing
    return folder / (stem + ".safetensors");
}

using NewName = std::function<std::string(std::string)>;

void add_part(ModelFiles& files, const fs::path& path, const NewName& compvis_name) {
    nn::Checkpoint part;
    part.add(io::SafetensorsFile(path));
    part.move_to(*files.checkpoint, compvis_name);
    files.weight_files.push_back(path);
}

ModelFiles open_diffusers(const fs::path& path) {
    ModelFiles files{
        ModelKind::diffusers, path, sd1_config(), std::make_unique<nn::Checkpoint>(), {}};
    const auto unet = unet_names(files.config["unet_config"]);
    add_part(files, weights_of(path / "unet", "diffusion_pytorch_model"),
             [&](const std::string& key) {
                 return "model.diffusion_model." + rename(key, unet, Direction::to_compvis);
             });
    const auto autoencoder = autoencoder_names(files.config["first_stage_config"]);
    add_part(files, weights_of(path / "vae", "diffusion_pytorch_model"),
             [&](const std::string& key) {
                 return "first_stage_model." +
                        rename(modern_attention_name(key), autoencoder, Direction::to_compvis);
             });
    add_part(files, weights_of(path / "text_encoder", "model"), [](const std::string& key) {
        // transformers 5 writes the text tower without this prefix
        return "cond_stage_model.transformer." +
               (key.starts_with("text_model.") ? key : "text_model." + key);
    });
    // diffusers writes the 1x1 convolutions of the autoencoder's attention as linear layers.
    for (const std::string half : {"encoder", "decoder"})
        for (const char* part : {"q", "k", "v", "proj_out"})
            files.checkpoint->reshape(
                fmt::format("first_stage_model.{}.mid.attn_1.{}.weight", half, part),
                [](Shape shape) {
                    return shape.size() == 2 ? Shape{shape[0], shape[1], 1, 1} : shape;
                });
    return files;
}

}  // namespace

std::string to_string(ModelKind kind) {
    switch (kind) {
        case ModelKind::folder:
            return "model folder of this project";
        case ModelKind::single_file:
            return "SD 1.x, single file (CompVis keys)";
        case ModelKind::diffusers:
            return "SD 1.x, diffusers folder";
    }
    return "";
}

ModelFiles open_model(const fs::path& path) {
    if (!fs::exists(path)) throw Error(fmt::format("{}: no such file or folder", path.string()));
    if (!fs::is_directory(path)) return open_single_file(path);
    if (fs::exists(path / "config.json")) return open_folder(path);
    if (fs::exists(path / "unet")) return open_diffusers(path);
    throw Error(
        fmt::format("{} is no model: it has neither config.json (a model of this project) nor "
                    "unet/ (diffusers)",
                    path.string()));
}

text::ClipTokenizer ModelFiles::tokenizer() const {
    switch (kind) {
        case ModelKind::folder:
            return text::ClipTokenizer::from_merges_file(path / "merges.txt");
        case ModelKind::single_file:
            return text::ClipTokenizer::from_merges_file(
                io::in_source_tree("reference_data/clip_bpe/merges.txt"));
        case ModelKind::diffusers:
            return text::ClipTokenizer::from_files(path / "tokenizer/vocab.json",
                                                   path / "tokenizer/merges.txt");
    }
    fail("no such kind of model");
}

}  // namespace ldm::pipeline
