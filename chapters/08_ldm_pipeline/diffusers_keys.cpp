#include "chapters/08_ldm_pipeline/diffusers_keys.h"

#include <fmt/format.h>

#include <utility>

#include "chapters/07_unet/block_names.h"

namespace ldm::pipeline {
namespace {

using Names = std::vector<ModuleNames>;
using fmt::format;

void add_vae_resnet(Names& names, const std::string& compvis, const std::string& diffusers) {
    names.push_back({compvis + ".nin_shortcut", diffusers + ".conv_shortcut"});
    names.push_back({compvis, diffusers});
}

void add_vae_attention(Names& names, const std::string& compvis, const std::string& diffusers) {
    const ModuleNames inside[] = {{"norm", "group_norm"},
                                  {"q", "to_q"},
                                  {"k", "to_k"},
                                  {"v", "to_v"},
                                  {"proj_out", "to_out.0"}};
    for (const auto& [ours, theirs] : inside)
        names.push_back({compvis + "." + ours, diffusers + "." + theirs});
}

}  // namespace

Names unet_names(const io::Json& config) {
    Names names;
    for (const unet::WeightName& name : unet::weight_names(unet::Config::from_json(config)))
        names.push_back({name.compvis, name.diffusers});
    return names;
}

Names autoencoder_names(const io::Json& config) {
    const io::Json& ddconfig = config.at("ddconfig");
    const auto levels = static_cast<int>(io::get<std::vector<int>>(ddconfig, "ch_mult").size());
    const int blocks = io::get<int>(ddconfig, "num_res_blocks");
    Names names;
    for (const std::string half : {"encoder", "decoder"}) {
        add_vae_resnet(names, half + ".mid.block_1", half + ".mid_block.resnets.0");
        add_vae_attention(names, half + ".mid.attn_1", half + ".mid_block.attentions.0");
        add_vae_resnet(names, half + ".mid.block_2", half + ".mid_block.resnets.1");
        names.push_back({half + ".norm_out", half + ".conv_norm_out"});
    }
    for (int level = 0; level < levels; ++level) {
        const int up = levels - 1 - level;
        for (int j = 0; j < blocks; ++j)
            add_vae_resnet(names, format("encoder.down.{}.block.{}", level, j),
                           format("encoder.down_blocks.{}.resnets.{}", level, j));
        for (int j = 0; j <= blocks; ++j)
            add_vae_resnet(names, format("decoder.up.{}.block.{}", level, j),
                           format("decoder.up_blocks.{}.resnets.{}", up, j));
        names.push_back({format("encoder.down.{}.downsample", level),
                         format("encoder.down_blocks.{}.downsamplers.0", level)});
        names.push_back({format("decoder.up.{}.upsample", level),
                         format("decoder.up_blocks.{}.upsamplers.0", up)});
    }
    return names;
}

std::string rename(std::string_view key, const Names& names, Direction direction) {
    const ModuleNames* best = nullptr;
    auto from = [&](const ModuleNames& n) -> const std::string& {
        return direction == Direction::to_compvis ? n.diffusers : n.compvis;
    };
    for (const ModuleNames& candidate : names) {
        const std::string& name = from(candidate);
        const bool begins =
            key.starts_with(name) && (key.size() == name.size() || key[name.size()] == '.');
        if (begins && (!best || name.size() > from(*best).size())) best = &candidate;
    }
    if (!best) return std::string(key);
    const std::string& to = direction == Direction::to_compvis ? best->compvis : best->diffusers;
    return to + std::string(key.substr(from(*best).size()));
}

std::string modern_attention_name(std::string key) {
    constexpr std::pair<std::string_view, std::string_view> names[] = {
        {".query.", ".to_q."},
        {".key.", ".to_k."},
        {".value.", ".to_v."},
        {".proj_attn.", ".to_out.0."}};
    for (const auto& [old_name, new_name] : names)
        if (const auto at = key.find(old_name); at != std::string::npos)
            key.replace(at, old_name.size(), new_name);
    return key;
}

}  // namespace ldm::pipeline
