#include "chapters/08_ldm_pipeline/single_file_names.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/08_ldm_pipeline/published_models.h"

namespace ldm::pipeline {
namespace {

constexpr std::string_view wrapped = "state_dict.", averaged = "model_ema.",
                           unet_weights = "model.diffusion_model.",
                           open_clip = "cond_stage_model.model.",
                           text_tower = "cond_stage_model.transformer.",
                           text_model = "cond_stage_model.transformer.text_model.";

bool any_begins_with(const io::TensorFile& file, std::string_view prefix) {
    return std::ranges::any_of(file.entries(), [&](const io::TensorEntry& entry) {
        return entry.name.starts_with(prefix);
    });
}

/// LitEma's name of a weight "model.diffusion_model.…".
std::string name_of_average(const std::string& name) {
    std::string short_name = name.substr(std::string_view("model.").size());
    std::erase(short_name, '.');
    return std::string(averaged) + short_name;
}

/// LitEma's names of the UNets that are known -> their names with dots.
const std::map<std::string, std::string>& names_of_averages() {
    static const auto names = [] {
        std::vector<io::Json> models = all_published_settings();
        models.push_back(sd1_settings());
        std::map<std::string, std::string> found;
        for (const io::Json& settings : models) {
            // the networks know what they ask for; an empty checkpoint writes it down
            nn::Checkpoint asked;
            asked.add_fallback([](const std::string&, const Shape& shape) {
                return Tensor::borrow(shape, nullptr, std::make_shared<int>());
            });
            const unet::UNetModel model(asked.root() / "model" / "diffusion_model",
                                        unet::Config::from_json(settings.at("unet_config")));
            for (const std::string& name : asked.asked())
                found.emplace(name_of_average(name), name);
        }
        return found;
    }();
    return names;
}

/// What a layer of OpenCLIP's text tower is called in transformers.
constexpr std::pair<std::string_view, std::string_view> open_clip_names[] = {
    {"token_embedding.", "embeddings.token_embedding."},
    {"positional_embedding", "embeddings.position_embedding.weight"},
    {"ln_final.", "final_layer_norm."},
    {"transformer.resblocks.", "encoder.layers."},
};
constexpr std::pair<std::string_view, std::string_view> open_clip_layer_names[] = {
    {".ln_1.", ".layer_norm1."}, {".ln_2.", ".layer_norm2."},   {".attn.", ".self_attn."},
    {".mlp.c_fc.", ".mlp.fc1."}, {".mlp.c_proj.", ".mlp.fc2."},
};

/// A name without open_clip before it -> one with text_model; names of neither stay.
std::string text_tower_name(const std::string& name) {
    if (!name.starts_with(open_clip)) return name;
    std::string found = name.substr(open_clip.size());
    for (const auto& [theirs, ours] : open_clip_names)
        if (found.starts_with(theirs)) found.replace(0, theirs.size(), ours);
    for (const auto& [theirs, ours] : open_clip_layer_names)
        if (const auto at = found.find(theirs); at != found.npos)
            found.replace(at, theirs.size(), ours);
    return std::string(text_model) + found;
}

/// A name of transformers' text tower with text_model., which some files leave out.
std::string with_text_model(const std::string& name) {
    if (!name.starts_with(text_tower)) return name;
    const std::string rest = name.substr(text_tower.size());
    for (const std::string_view part : {"embeddings.", "encoder.", "final_layer_norm."})
        if (rest.starts_with(part)) return std::string(text_model) + rest;
    return name;
}

/// One tensor of OpenCLIP's tower as transformers has it: in_proj_weight [3 D, D] and in_proj_bias
/// [3 D] are those of q, k and v, one below the other.
std::vector<io::TensorEntry> text_tower_entries(io::TensorEntry entry) {
    entry.name = text_tower_name(entry.name);
    const auto at = entry.name.find(".in_proj_");
    if (!entry.name.starts_with(text_model) || at == entry.name.npos || entry.shape.empty() ||
        entry.shape[0] % 3 != 0)
        return {entry};
    const std::string layer = entry.name.substr(0, at),
                      kind = entry.name.substr(at + std::string_view(".in_proj_").size());
    entry.shape[0] /= 3;
    const std::span<const std::byte> all = entry.bytes;
    std::vector<io::TensorEntry> parts;
    for (const std::string part : {"q", "k", "v"}) {
        entry.name = layer + "." + part + "_proj." + kind;
        entry.bytes = all.subspan(parts.size() * (all.size() / 3), all.size() / 3);
        parts.push_back(entry);
    }
    return parts;
}

}  // namespace

io::TensorFile with_compvis_names(const io::TensorFile& given) {
    io::TensorFile file =
        any_begins_with(given, wrapped) ? given.renamed([](const std::string& name) {
            return name.starts_with(wrapped) ? name.substr(wrapped.size()) : name;
        })
                                        : given;
    if (any_begins_with(file, open_clip)) file = file.replaced(text_tower_entries);
    if (!any_begins_with(file, text_model)) file = file.renamed(with_text_model);
    if (any_begins_with(file, unet_weights) || !any_begins_with(file, averaged)) return file;
    return file.renamed([](const std::string& name) {
        const auto found = names_of_averages().find(name);
        return found == names_of_averages().end() ? name : found->second;
    });
}

io::TensorFile with_averages(const io::TensorFile& file) {
    std::map<std::string, std::string> new_names;
    for (const io::TensorEntry& entry : file.entries()) {
        if (!entry.name.starts_with(unet_weights)) continue;
        const std::string average = name_of_average(entry.name);
        if (!file.contains(average)) return file;
        new_names[average] = entry.name;
        new_names[entry.name] = "last_step." + entry.name.substr(std::string_view("model.").size());
    }
    return file.renamed([&](const std::string& name) {
        const auto found = new_names.find(name);
        return found == new_names.end() ? name : found->second;
    });
}

}  // namespace ldm::pipeline
