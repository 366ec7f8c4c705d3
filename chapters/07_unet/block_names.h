#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chapters/07_unet/layout.h"

/// The same UNet under two names. CompVis numbers its blocks through: input_blocks.4 is the fourth
/// thing that happens on the way down. Diffusers groups them by level: that one is the first
/// ResBlock and the first attention of down_blocks.1, a CrossAttnDownBlock2D.

namespace ldm::unet {

/// One module of the U in both vocabularies.
struct PartName {
    Part::Kind kind;
    /// "input_blocks.4.0"
    std::string compvis;
    /// "down_blocks.1.resnets.0"
    std::string diffusers;
    /// "down_blocks.1"
    std::string diffusers_block;
    /// "CrossAttnDownBlock2D"; empty for the first convolution
    std::string diffusers_type;
};

/// All parts of layout(config), in the order in which they run.
std::vector<PartName> part_names(const Config& config);

/// One module under its two names, {"input_blocks.4.0.in_layers.2",
/// "down_blocks.1.resnets.0.conv1"}. What follows in a weight's name (".weight", ".bias", names of
/// submodules) is the same in both.
struct ModuleNames {
    std::string compvis;
    std::string diffusers;
};

/// Every module of a UNet that has weights, once: parts, time embedding and head. Throws an Error
/// for a UNet with AttentionBlocks, whose weights are cut differently in diffusers, not only named
/// differently.
std::vector<ModuleNames> module_names(const Config& config);

/// The other name of a weight: the longest module name that `key` begins with, up to a '.' or the
/// key's end, is replaced. Nothing if `names` has no such module.
std::optional<std::string> to_diffusers(const std::vector<ModuleNames>& names,
                                        std::string_view compvis_key);
std::optional<std::string> to_compvis(const std::vector<ModuleNames>& names,
                                      std::string_view diffusers_key);

}  // namespace ldm::unet
