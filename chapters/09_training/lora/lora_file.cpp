#include "chapters/09_training/lora/lora_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "chapters/08_ldm_pipeline/families.h"
#include "chapters/09_training/lora/layer_names.h"
#include "chapters/09_training/lora/lora_parts.h"
#include "common/io/safetensors.h"
#include "common/io/tensor_file.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

/// One readable message out of many lines, or one sentence.
void throw_if_any(const std::string& what, const std::vector<std::string>& lines) {
    constexpr std::size_t shown = 8;
    if (lines.empty()) return;
    if (lines.size() == 1) throw Error(what + " " + lines.front());
    std::string message = what;
    for (std::size_t i = 0; i < std::min(shown, lines.size()); ++i) message += "\n  " + lines[i];
    if (lines.size() > shown) message += fmt::format("\n  … and {} more", lines.size() - shown);
    throw Error(message);
}

/// The alpha that PEFT keeps in the metadata of a file, of its UNet or text encoder; nothing in
/// files that have none.
std::optional<float> alpha_in_metadata(const io::TensorFile& file, const std::string& layer) {
    const auto found = file.metadata().find("lora_adapter_metadata");
    if (found == file.metadata().end()) return std::nullopt;
    const io::Json json =
        io::parse_json(found->second, file.path().string() + ": metadata 'lora_adapter_metadata'");
    const std::string part = layer.substr(0, layer.find('.')) + ".";
    for (const char* key : {"alpha_pattern", "use_rslora"})
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

/// Throws for a kind of change that cannot be read here, from the names alone.
void expect_supported_kind(const io::TensorFile& file) {
    for (const io::TensorEntry& entry : file.entries())
        if (const std::string_view kind = unsupported_kind(entry.name); !kind.empty())
            throw Error(fmt::format(
                "{}: {} ('{}'), which cannot be read; LoRA, LoCon, LoHa, LoKr, DoRA and full "
                "differences can",
                file.path().string(), kind, entry.name));
}

/// How many numbers of text each token brings to the layer, if it is the one that reads them.
std::optional<std::int64_t> text_width(const io::TensorEntry& entry) {
    const auto key = parse_key(entry.name);
    if (!key || entry.shape.size() < 2) return std::nullopt;
    const bool reads_text =
        key->layer.ends_with("attn2_to_k") || key->layer.ends_with("attn2.to_k");
    const bool as_wide =
        key->part == "lora_down" || key->part == "hada_w1_b" || key->part == "diff";
    return reads_text && as_wide ? std::optional(entry.shape[1]) : std::nullopt;
}

/// Throws for a LoRA of another family of models, from names and shapes alone: of two text towers,
/// or of a text of another width.
void expect_of_this_family(const io::TensorFile& file, const io::Json& config) {
    const auto unet_config = io::get<io::Json>(config, "unet_config");
    const auto context = unet_config.find("context_dim");
    for (const io::TensorEntry& entry : file.entries()) {
        if (entry.name.starts_with("lora_te2_") || entry.name.starts_with("text_encoder_2."))
            throw Error(fmt::format("{}: a LoRA for SDXL, for it has a second text encoder ('{}')",
                                    file.path().string(), entry.name));
        const auto width = text_width(entry);
        if (width && context != unet_config.end() && context->is_number_integer() &&
            *context != *width)
            throw Error(fmt::format(
                "{}: a LoRA for {}, where a token's text is {} wide; this model's is {} wide",
                file.path().string(), pipeline::identify_by_context(*width).name, *width,
                context->get<std::int64_t>()));
    }
}

/// What a file has of one layer.
struct Layer {
    /// by part
    std::map<std::string, const io::TensorEntry*> parts;
    std::optional<float> alpha_elsewhere;
};

/// Whether a name belongs to the change of some layer. Others (bundle_emb.…, the learned words that
/// A1111 packs into a LoRA; a trainer's own state) are left out: without them the LoRA is whole.
bool is_of_a_layer(const std::string& name) {
    constexpr std::array prefixes = {"lora_",        "lycoris_",   "unet.",     "text_encoder.",
                                     "down_blocks.", "mid_block.", "up_blocks."};
    return parse_key(name) || std::ranges::any_of(prefixes, [&](const char* prefix) {
               return name.starts_with(prefix);
           });
}

/// The layers of a file by their names in the model.
std::map<std::string, Layer> find_layers(const io::TensorFile& file, const nn::Checkpoint& model,
                                         const io::Json& config) {
    const auto names = layer_names(model, config);
    std::map<std::string, Layer> found;
    std::vector<std::string> unknown, twice;
    for (const io::TensorEntry& entry : file.entries()) {
        const auto key = parse_key(entry.name);
        const auto layer = key ? names.find(key->layer) : names.end();
        if (layer == names.end()) {
            if (is_of_a_layer(entry.name)) unknown.push_back(fmt::format("'{}'", entry.name));
            continue;
        }
        Layer& here = found[layer->second];
        if (!here.parts.emplace(key->part, &entry).second)
            twice.push_back(fmt::format("'{}' is there twice", entry.name));
        if (!here.alpha_elsewhere) here.alpha_elsewhere = alpha_in_metadata(file, key->layer);
    }
    throw_if_any(fmt::format("{}: {} of its names belong to no layer of this model:",
                             file.path().string(), unknown.size()),
                 unknown);
    throw_if_any(file.path().string() + ": not a whole LoRA:", twice);
    return found;
}

/// The numbers of one layer; what is not finite is added to `wrong`.
std::map<std::string, Tensor> read_parts(const Layer& layer, std::vector<std::string>& wrong) {
    std::map<std::string, Tensor> parts;
    if (layer.alpha_elsewhere) parts["alpha"] = Tensor::scalar(*layer.alpha_elsewhere);
    for (const auto& [part, entry] : layer.parts) {
        parts[part] = read_tensor(*entry);
        if (!ops::all_finite(parts[part]))
            wrong.push_back(fmt::format("'{}' is not finite", entry->name));
    }
    return parts;
}

}  // namespace

void write_lora(const std::filesystem::path& path, const Lora& lora, const io::Json& config,
                const std::map<std::string, std::string>& metadata) {
    Lora here;
    for (const auto& [weight, layer] : lora)
        here[weight] = {ops::to(layer.down, Device::cpu), ops::to(layer.up, Device::cpu),
                        layer.alpha};
    std::vector<io::TensorEntry> entries;
    for (const auto& [weight, layer] : here) {
        const std::string name = kohya_name(weight, config);
        entries.push_back(io::entry_of(name + ".alpha", {}, std::span(&layer.alpha, 1)));
        entries.push_back(
            io::entry_of(name + ".lora_down.weight", layer.down.shape(), layer.down.values()));
        entries.push_back(
            io::entry_of(name + ".lora_up.weight", layer.up.shape(), layer.up.values()));
    }
    io::write_safetensors(path, entries, metadata);
}

WeightChanges read_lora(const std::filesystem::path& path, const nn::Checkpoint& model,
                        const io::Json& config) {
    const io::TensorFile file = io::open_tensor_file(path);
    expect_supported_kind(file);
    expect_of_this_family(file, config);
    WeightChanges changes;
    std::vector<std::string> wrong;
    for (const auto& [name, layer] : find_layers(file, model, config)) {
        auto parts = read_parts(layer, wrong);
        try {
            if (const auto bias = parts.extract("diff_b"); !bias.empty())
                changes[name + ".bias"] = {FullDifference{bias.mapped()}};
            if (!parts.empty()) changes[name + ".weight"] = weight_change(std::move(parts));
        } catch (const Error& trouble) {
            wrong.push_back(fmt::format("'{}' {}", name, trouble.what()));
        }
    }
    throw_if_any(path.string() + ": not a whole LoRA:", wrong);
    if (changes.empty()) throw Error(path.string() + ": there is no LoRA in it");
    return changes;
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
