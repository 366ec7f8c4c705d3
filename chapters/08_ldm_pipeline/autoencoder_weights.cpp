#include "chapters/08_ldm_pipeline/autoencoder_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/08_ldm_pipeline/diffusers_keys.h"
#include "chapters/08_ldm_pipeline/diffusers_weights.h"
#include "chapters/08_ldm_pipeline/first_stage.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "first_stage_model.";

/// What an autoencoder of this project is made of.
bool is_part(std::string_view name) {
    for (const std::string_view part : {"encoder.", "decoder.", "quant_conv.", "post_quant_conv."})
        if (name.starts_with(part)) return true;
    return false;
}

/// diffusers writes the 1x1 convolutions of the attention as linear layers.
void make_convolutions(nn::Checkpoint& checkpoint) {
    for (const std::string network : {"encoder", "decoder"})
        for (const char* layer : {"q", "k", "v", "proj_out"})
            checkpoint.reshape(
                fmt::format("{}{}.mid.attn_1.{}.weight", prefix, network, layer), [](Shape shape) {
                    return shape.size() == 2 ? Shape{shape[0], shape[1], 1, 1} : shape;
                });
}

/// The channels of the latents, of the first layer that has them; 0 if there is none.
std::int64_t latent_channels(const io::TensorFile& file) {
    for (const char* name : {"first_stage_model.decoder.conv_in.weight", "decoder.conv_in.weight"})
        if (const io::TensorEntry* entry = file.find(name); entry && entry->shape.size() == 4)
            return entry->shape[1];
    return 0;
}

}  // namespace

void add_autoencoder(const std::vector<io::TensorFile>& files, const io::Json& config,
                     nn::Checkpoint& checkpoint) {
    const auto names = autoencoder_names(config);
    for (const io::TensorFile& file : files)
        checkpoint.add(file.replaced([&](io::TensorEntry entry) -> std::vector<io::TensorEntry> {
            std::string name = entry.name;
            if (name.starts_with(prefix)) name.erase(0, prefix.size());
            if (!is_part(name)) return {};
            name = modern_attention_name(std::move(name));
            entry.name = std::string(prefix) + unet::to_compvis(names, name).value_or(name);
            return {entry};
        }));
    make_convolutions(checkpoint);
}

SeparateAutoencoder find_autoencoder(const fs::path& path) {
    if (!fs::exists(path)) throw Error(fmt::format("{}: no such file or folder", path.string()));
    if (!fs::is_directory(path)) return {.files = {path}};
    const fs::path folder = fs::is_directory(path / "vae") ? path / "vae" : path;
    SeparateAutoencoder found{.files = diffusers_weights(folder, {"diffusion_pytorch_model"})};
    if (fs::exists(folder / "config.json"))
        found.scale_factor =
            io::get_or(io::read_json(folder / "config.json"), "scaling_factor", 0.0);
    return found;
}

void replace_autoencoder(const SeparateAutoencoder& autoencoder, const io::Json& config,
                         nn::Checkpoint& checkpoint) {
    std::vector<io::TensorFile> files;
    std::int64_t channels = 0;
    for (const fs::path& path : autoencoder.files) {
        files.push_back(io::open_tensor_file(path));
        channels = std::max(channels, latent_channels(files.back()));
    }
    const std::string name = autoencoder.files.front().string();
    if (channels == 0)
        throw Error(fmt::format("{} is no autoencoder (VAE): it has no decoder.conv_in", name));
    if (const int ours = FirstStageConfig::from_json(config).ddconfig.z_channels; channels != ours)
        throw Error(fmt::format("{}: its latents have {} channels, this model's have {}", name,
                                channels, ours));
    checkpoint.remove(prefix);
    add_autoencoder(files, config, checkpoint);
}

}  // namespace ldm::pipeline
