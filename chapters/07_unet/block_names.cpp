#include "chapters/07_unet/block_names.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::unet {
namespace {

using Kind = Part::Kind;

bool is_attention(Kind kind) { return kind == Kind::attention || kind == Kind::transformer; }

/// Names the parts of one block of diffusers, which holds several of CompVis's.
class Namer {
public:
    Namer(std::string prefix, std::string type)
        : prefix_(std::move(prefix)), type_(std::move(type)) {}

    void add(const Block& block, std::vector<PartName>& names) {
        for (std::size_t i = 0; i < block.parts.size(); ++i) {
            const Kind kind = block.parts[i].kind;
            names.push_back({kind, fmt::format("{}.{}", block.key, i),
                             fmt::format("{}.{}", prefix_, role(kind)), prefix_, type_});
        }
    }

private:
    std::string role(Kind kind) {
        if (kind == Kind::down) return "downsamplers.0";
        if (kind == Kind::up) return "upsamplers.0";
        if (is_attention(kind)) return fmt::format("attentions.{}", attentions_++);
        return fmt::format("resnets.{}", resnets_++);
    }

    std::string prefix_, type_;
    int resnets_ = 0, attentions_ = 0;
};

std::string block_type(const Config& config, int level, std::string_view direction) {
    const std::string_view attention = !config.attends(1 << level)      ? ""
                                       : config.use_spatial_transformer ? "CrossAttn"
                                                                        : "Attn";
    return fmt::format("{}{}Block2D", attention, direction);
}

/// What ResBlock's layers are called, at the same place in both columns.
constexpr std::pair<const char*, const char*> resblock_layers[] = {
    {"in_layers.0", "norm1"},  {"in_layers.2", "conv1"},  {"emb_layers.1", "time_emb_proj"},
    {"out_layers.0", "norm2"}, {"out_layers.3", "conv2"}, {"skip_connection", "conv_shortcut"},
};

constexpr std::pair<const char*, const char*> outside_the_blocks[] = {
    {"time_embed.0", "time_embedding.linear_1"},
    {"time_embed.2", "time_embedding.linear_2"},
    {"label_emb", "class_embedding"},
    {"out.0", "conv_norm_out"},
    {"out.2", "conv_out"},
};

bool is_below(std::string_view key, std::string_view module) {
    return key.starts_with(module) && (key.size() == module.size() || key[module.size()] == '.');
}

std::optional<std::string> translate(const std::vector<ModuleNames>& names, std::string_view key,
                                     std::string ModuleNames::*from, std::string ModuleNames::*to) {
    const ModuleNames* longest = nullptr;
    for (const ModuleNames& name : names)
        if (is_below(key, name.*from) &&
            (!longest || (name.*from).size() > (longest->*from).size()))
            longest = &name;
    if (!longest) return std::nullopt;
    return longest->*to + std::string(key.substr((longest->*from).size()));
}

}  // namespace

//! [names]
std::vector<PartName> part_names(const Config& config) {
    const Layout u = layout(config);
    const int levels = config.levels();
    std::vector<PartName> names{{Kind::conv, "input_blocks.0.0", "conv_in", "conv_in", ""}};

    for (int level = 0; level < levels; ++level) {
        Namer down(fmt::format("down_blocks.{}", level), block_type(config, level, "Down"));
        for (const Block& block : u.input)
            if (block.level == level && block.parts[0].kind != Kind::conv) down.add(block, names);
    }
    Namer("mid_block",
          config.use_spatial_transformer ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D")
        .add(u.middle, names);
    for (int level = levels - 1; level >= 0; --level) {
        Namer up(fmt::format("up_blocks.{}", levels - 1 - level), block_type(config, level, "Up"));
        for (const Block& block : u.output)
            if (block.level == level) up.add(block, names);
    }
    return names;
}
//! [names]

std::vector<ModuleNames> module_names(const Config& config) {
    std::vector<ModuleNames> names;
    for (const PartName& part : part_names(config)) {
        const bool resizes = part.kind == Kind::down || part.kind == Kind::up;
        if (part.kind == Kind::resblock || (resizes && config.resblock_updown)) {
            for (const auto& [compvis, diffusers] : resblock_layers)
                names.push_back({part.compvis + '.' + compvis, part.diffusers + '.' + diffusers});
        } else if (resizes) {
            names.push_back({part.compvis + (part.kind == Kind::down ? ".op" : ".conv"),
                             part.diffusers + ".conv"});
        } else if (part.kind == Kind::attention) {
            throw Error("the weights of an AttentionBlock have no one-to-one names in diffusers");
        } else {
            names.push_back({part.compvis, part.diffusers});
        }
    }
    for (const auto& [compvis, diffusers] : outside_the_blocks)
        names.push_back({compvis, diffusers});
    return names;
}

std::optional<std::string> to_diffusers(const std::vector<ModuleNames>& names,
                                        std::string_view compvis_key) {
    return translate(names, compvis_key, &ModuleNames::compvis, &ModuleNames::diffusers);
}

std::optional<std::string> to_compvis(const std::vector<ModuleNames>& names,
                                      std::string_view diffusers_key) {
    return translate(names, diffusers_key, &ModuleNames::diffusers, &ModuleNames::compvis);
}

}  // namespace ldm::unet
