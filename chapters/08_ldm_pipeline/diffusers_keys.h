#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/io/json.h"

namespace ldm::pipeline {

/// One module under its two names: that of a single-file checkpoint (CompVis) and that of the
/// diffusers library. What lies below it has the same name in both.
struct ModuleNames {
    std::string compvis, diffusers;
};

/// Every renamed module of a UNet (unet_config of our config.json) …
std::vector<ModuleNames> unet_names(const io::Json& unet_config);

/// … and of an autoencoder (first_stage_config).
std::vector<ModuleNames> autoencoder_names(const io::Json& first_stage_config);

enum class Direction { to_compvis, to_diffusers };

/// The other name of a weight: the longest module name that begins `key` is replaced.
/// A key that no entry covers is returned as it is.
std::string rename(std::string_view key, const std::vector<ModuleNames>& names,
                   Direction direction);

/// Older folders call the layers of the autoencoder's attention query, key, value and proj_attn
/// (diffusers' AttentionBlock, since removed): the same key as it is written today. Other keys are
/// returned as they are.
std::string modern_attention_name(std::string key);

}  // namespace ldm::pipeline
