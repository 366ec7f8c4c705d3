#pragma once

#include <string>
#include <vector>

#include "chapters/07_unet/block_names.h"
#include "common/io/json.h"

/// Names of weights in the diffusers library, whose folders hold the same modules as a single-file
/// checkpoint (CompVis) under other names. The UNet's are in chapters/07_unet/block_names.h.
/// Upstream: diffusers, scripts/convert_original_stable_diffusion_to_diffusers.py.

namespace ldm::pipeline {

/// The modules of an autoencoder (first_stage_config of our config.json) whose names differ, for
/// unet::to_compvis and to_diffusers. Shapes may differ too: weights of its attention are [C, C] in
/// diffusers, [C, C, 1, 1] in CompVis (Checkpoint::reshape). Throws an Error for a missing setting.
std::vector<unet::ModuleNames> autoencoder_names(const io::Json& first_stage_config);

/// Older folders call the layers of the autoencoder's attention query, key, value and proj_attn
/// (diffusers' AttentionBlock, since removed): the same key as it is written today. Other keys are
/// returned as they are. Only for keys of an autoencoder.
std::string modern_attention_name(std::string key);

}  // namespace ldm::pipeline
