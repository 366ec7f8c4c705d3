#include "chapters/09_training/lora/lora_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "chapters/07_unet/block_names.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

constexpr std::string_view unet = "model.diffusion_model.",
                           text_tower = "cond_stage_model.transformer.";

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

/// "model.diffusion_model.….to_q.weight" -> "lora_unet_…_to_q"
std::string kohya_name(const std::string& weight, const std::vector<unet::ModuleNames>& names) {
    std::string_view layer = weight;
    layer.remove_suffix(std::string_view(".weight").size());
    if (layer.starts_with(unet))
        return "lora_unet_" + with_underscores(to_diffusers(layer.substr(unet.size()), names));
    if (layer.starts_with(text_tower))
        return "lora_te_" + with_underscores(std::string(layer.substr(text_tower.size())));
    throw Error(fmt::format("LoRA files have no name for '{}'", weight));
}

/// Every name that a layer has in some file -> the name of its weight in the model.
std::map<std::string, std::string, std::less<>> known_layers(const nn::Checkpoint& model,
                                                             const io::Json& config) {
    const auto names = diffusers_names(config);
    std::map<std::string, std::string, std::less<>> layers;
    for (const std::string& weight : model.names()) {
        if (!weight.ends_with(".weight")) continue;
        const std::string layer =
            weight.substr(0, weight.size() - std::string_view(".weight").size());
        if (layer.starts_with(unet)) {
            const std::string compvis = layer.substr(unet.size()),
                              diffusers = to_diffusers(compvis, names);
            layers["lora_unet_" + with_underscores(compvis)] = weight;
            layers["lora_unet_" + with_underscores(diffusers)] = weight;
            layers["unet." + diffusers] = weight;
        } else if (layer.starts_with(text_tower)) {
            const std::string name = layer.substr(text_tower.size());
            layers["lora_te_" + with_underscores(name)] = weight;
            // as if there were two towers
            layers["lora_te1_" + with_underscores(name)] = weight;
            layers["text_encoder." + name] = weight;
            // transformers 5
            layers["text_encoder." + without_prefix(name, "text_model.")] = weight;
        }
    }
    return layers;
}

enum class Part { down, up, alpha };

struct LoraKey {
    std::string layer;
    Part part;
};

/// Takes a name apart: "lora_unet_….lora_down.weight" is the down of "lora_unet_…".
std::optional<LoraKey> parse_key(std::string name) {
    if (const auto at = name.find(".processor."); at != std::string::npos)
        name.erase(at, std::string_view(".processor").size());
    struct Ending {
        std::string_view text;
        Part part;
        // the part of the ending that belongs to the layer's name
        std::string_view layer = "";
    };
    static constexpr std::array endings = {
        // kohya
        Ending{".lora_down.weight", Part::down},
        Ending{".lora_up.weight", Part::up},
        Ending{".alpha", Part::alpha},
        // diffusers, PEFT
        Ending{".lora_A.weight", Part::down},
        Ending{".lora_B.weight", Part::up},
        // diffusers before PEFT
        Ending{".lora.down.weight", Part::down},
        Ending{".lora.up.weight", Part::up},
        // its text tower
        Ending{".lora_linear_layer.down.weight", Part::down},
        Ending{".lora_linear_layer.up.weight", Part::up},
        // diffusers' first format
        Ending{".to_q_lora.down.weight", Part::down, ".to_q"},
        Ending{".to_q_lora.up.weight", Part::up, ".to_q"},
        Ending{".to_k_lora.down.weight", Part::down, ".to_k"},
        Ending{".to_k_lora.up.weight", Part::up, ".to_k"},
        Ending{".to_v_lora.down.weight", Part::down, ".to_v"},
        Ending{".to_v_lora.up.weight", Part::up, ".to_v"},
        Ending{".to_out_lora.down.weight", Part::down, ".to_out.0"},
        Ending{".to_out_lora.up.weight", Part::up, ".to_out.0"},
    };
    for (const Ending& ending : endings)
        if (name.ends_with(ending.text))
            return LoraKey{
                name.substr(0, name.size() - ending.text.size()) + std::string(ending.layer),
                ending.part};
    return std::nullopt;
}

/// The alpha that PEFT keeps in the metadata of a file, of its UNet or text encoder; nothing in
/// files that have none.
std::optional<float> alpha_in_metadata(const io::TensorFile& file, const std::string& layer) {
    const auto found = file.metadata().find("lora_adapter_metadata");
    if (found == file.metadata().end()) return std::nullopt;
    const io::Json json =
        io::parse_json(found->second, file.path().string() + ": metadata 'lora_adapter_metadata'");
    const std::string part = layer.substr(0, layer.find('.')) + ".";
    for (const char* key : {"alpha_pattern", "use_rslora", "use_dora"})
        if (const auto value = json.find(part + key);
            value != json.end() && !value->empty() && *value != false)
            throw Error(
                fmt::format("{}: '{}{}' is not supported", file.path().string(), part, key));
    if (!json.contains(part + "lora_alpha")) return std::nullopt;
    return io::get<float>(json, part + "lora_alpha");
}

Tensor read_tensor(const io::TensorEntry& entry) {
    Tensor x(entry.shape);
    io::read_floats(entry, x.values());
    return x;
}

/// What a file has of one layer.
struct Found {
    Tensor down, up, alpha;
    std::optional<float> alpha_elsewhere;

    std::string trouble() const {
        if (!down && !up) return "has neither up nor down";
        if (!down || !up) return "has only one of up and down";
        if (down.rank() < 2 || down.dim(0) < 1) return "has a down of " + to_string(down.shape());
        if (alpha && alpha.size() != 1) return "has an alpha of " + to_string(alpha.shape());
        return "";
    }

    LoraLayer layer() const {
        const float rank = static_cast<float>(down.dim(0));
        return {down, up, alpha ? alpha.item() : alpha_elsewhere.value_or(rank)};
    }
};

/// One readable message out of many lines.
void throw_if_any(const std::string& what, const std::vector<std::string>& lines) {
    constexpr std::size_t shown = 8;
    if (lines.empty()) return;
    std::string message = what;
    for (std::size_t i = 0; i < std::min(shown, lines.size()); ++i) message += "\n  " + lines[i];
    if (lines.size() > shown) message += fmt::format("\n  … and {} more", lines.size() - shown);
    throw Error(message);
}

}  // namespace

void write_lora(const std::filesystem::path& path, const Lora& lora, const io::Json& config,
                const std::map<std::string, std::string>& metadata) {
    const auto names = diffusers_names(config);
    Lora here;
    for (const auto& [weight, layer] : lora)
        here[weight] = {ops::to(layer.down, Device::cpu), ops::to(layer.up, Device::cpu),
                        layer.alpha};
    std::vector<io::TensorEntry> entries;
    for (const auto& [weight, layer] : here) {
        const std::string name = kohya_name(weight, names);
        entries.push_back(io::entry_of(name + ".alpha", {}, std::span(&layer.alpha, 1)));
        entries.push_back(
            io::entry_of(name + ".lora_down.weight", layer.down.shape(), layer.down.values()));
        entries.push_back(
            io::entry_of(name + ".lora_up.weight", layer.up.shape(), layer.up.values()));
    }
    io::write_safetensors(path, entries, metadata);
}

Lora read_lora(const std::filesystem::path& path, const nn::Checkpoint& model,
               const io::Json& config) {
    const io::TensorFile file = io::open_tensor_file(path);
    const auto layers = known_layers(model, config);
    std::map<std::string, Found> found;
    std::vector<std::string> unknown, wrong;
    for (const io::TensorEntry& entry : file.entries()) {
        const auto key = parse_key(entry.name);
        const auto layer = key ? layers.find(key->layer) : layers.end();
        if (layer == layers.end()) {
            unknown.push_back(fmt::format("'{}'", entry.name));
            continue;
        }
        Found& part = found[layer->second];
        Tensor& place = key->part == Part::down ? part.down
                        : key->part == Part::up ? part.up
                                                : part.alpha;
        if (place) wrong.push_back(fmt::format("'{}' is there twice", entry.name));
        place = read_tensor(entry);
        if (!ops::all_finite(place)) wrong.push_back(fmt::format("'{}' is not finite", entry.name));
        if (!part.alpha_elsewhere) part.alpha_elsewhere = alpha_in_metadata(file, key->layer);
    }
    throw_if_any(fmt::format("{}: {} of its names belong to no layer of this model:", path.string(),
                             unknown.size()),
                 unknown);

    Lora lora;
    for (const auto& [weight, part] : found) {
        if (const std::string trouble = part.trouble(); !trouble.empty())
            wrong.push_back(fmt::format("'{}' {}", weight, trouble));
        else
            lora[weight] = part.layer();
    }
    throw_if_any(path.string() + ": not a whole LoRA:", wrong);
    if (lora.empty()) throw Error(path.string() + ": there is no LoRA in it");
    return lora;
}

LoraOption lora_option(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return {text};
    float strength = 0.0f;
    const char* end = text.data() + text.size();
    const auto [stop, trouble] = std::from_chars(text.data() + colon + 1, end, strength);
    if (trouble != std::errc() || stop != end || !std::isfinite(strength))
        // a colon in the file's name
        return {text};
    return {text.substr(0, colon), strength};
}

}  // namespace ldm::train
