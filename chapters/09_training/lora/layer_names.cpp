#include "chapters/09_training/lora/layer_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "chapters/07_unet/block_names.h"

namespace ldm::train {
namespace {

constexpr std::string_view unet = "model.diffusion_model.",
                           text_tower = "cond_stage_model.transformer.", ending = ".weight";

std::string with_underscores(std::string name) {
    std::ranges::replace(name, '.', '_');
    return name;
}

std::string without_prefix(const std::string& name, std::string_view prefix) {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

/// Where diffusers' names for the UNet's layers differ from CompVis's. A UNet with AttentionBlocks
/// has no counterpart there, and keeps CompVis's.
std::vector<unet::ModuleNames> diffusers_names(const io::Json& config) {
    const auto unet_config = io::get<io::Json>(config, "unet_config");
    if (!io::get_or(unet_config, "use_spatial_transformer", false)) return {};
    return unet::module_names(unet::Config::from_json(unet_config));
}

std::string to_diffusers(std::string_view compvis, const std::vector<unet::ModuleNames>& names) {
    return unet::to_diffusers(names, compvis).value_or(std::string(compvis));
}

/// What diffusers' first text towers were saved as: by the names of the UNet's projections.
std::string as_in_the_unet(std::string name) {
    for (const auto& [here, there] : {std::pair{".q_proj", ".to_q"},
                                      {".k_proj", ".to_k"},
                                      {".v_proj", ".to_v"},
                                      {".out_proj", ".to_out.0"}})
        if (name.ends_with(here))
            return name.substr(0, name.size() - std::string_view(here).size()) + there;
    return name;
}

}  // namespace

std::string kohya_name(const std::string& weight, const io::Json& config) {
    std::string_view layer = weight;
    layer.remove_suffix(std::min(layer.size(), ending.size()));
    if (layer.starts_with(unet))
        return "lora_unet_" +
               with_underscores(to_diffusers(layer.substr(unet.size()), diffusers_names(config)));
    if (layer.starts_with(text_tower))
        return "lora_te_" + with_underscores(std::string(layer.substr(text_tower.size())));
    throw Error(fmt::format("LoRA files have no name for '{}'", weight));
}

std::map<std::string, std::string, std::less<>> layer_names(const nn::Checkpoint& model,
                                                            const io::Json& config) {
    const auto names = diffusers_names(config);
    std::map<std::string, std::string, std::less<>> layers;
    for (const std::string& weight : model.names()) {
        if (!weight.ends_with(ending)) continue;
        const std::string layer = weight.substr(0, weight.size() - ending.size());
        if (layer.starts_with(unet)) {
            const std::string compvis = layer.substr(unet.size()),
                              diffusers = to_diffusers(compvis, names);
            layers["lora_unet_" + with_underscores(compvis)] = layer;
            layers["lora_unet_" + with_underscores(diffusers)] = layer;
            layers["lycoris_" + with_underscores(diffusers)] = layer;
            layers["unet." + diffusers] = layer;
            layers[diffusers] = layer;
        } else if (layer.starts_with(text_tower)) {
            const std::string name = layer.substr(text_tower.size());
            layers["lora_te_" + with_underscores(name)] = layer;
            // as if there were two towers
            layers["lora_te1_" + with_underscores(name)] = layer;
            layers["text_encoder." + name] = layer;
            // transformers 5
            layers["text_encoder." + without_prefix(name, "text_model.")] = layer;
            layers["text_encoder." + as_in_the_unet(name)] = layer;
        }
    }
    return layers;
}

}  // namespace ldm::train
