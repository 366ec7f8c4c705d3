#include "chapters/08_ldm_pipeline/diffusers_keys.h"

#include <fmt/format.h>

#include <utility>

namespace ldm::pipeline {
namespace {

using unet::ModuleNames;
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

Names autoencoder_names(const io::Json& config) {
    const auto ddconfig = io::get<io::Json>(config, "ddconfig");
    const auto levels = static_cast<int>(io::get<std::vector<int>>(ddconfig, "ch_mult").size());
    const int blocks = io::get<int>(ddconfig, "num_res_blocks");
    // entries for modules that this model lacks (a nin_shortcut where the width stays) match no key
    Names names;
    for (const std::string network : {"encoder", "decoder"}) {
        add_vae_resnet(names, network + ".mid.block_1", network + ".mid_block.resnets.0");
        add_vae_attention(names, network + ".mid.attn_1", network + ".mid_block.attentions.0");
        add_vae_resnet(names, network + ".mid.block_2", network + ".mid_block.resnets.1");
        names.push_back({network + ".norm_out", network + ".conv_norm_out"});
    }
    for (int level = 0; level < levels; ++level) {
        // diffusers numbers the decoder's blocks from the lowest resolution
        const int up = levels - 1 - level;
        for (int j = 0; j < blocks; ++j)
            add_vae_resnet(names, format("encoder.down.{}.block.{}", level, j),
                           format("encoder.down_blocks.{}.resnets.{}", level, j));
        // the decoder has one ResBlock more in each level
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
