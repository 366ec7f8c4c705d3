#pragma once

#include "common/io/json.h"

namespace ldm::pipeline {

/// The settings of Stable Diffusion 1.x, which its files do not carry: v1-inference.yaml of
/// CompVis/stable-diffusion with the CLIP ViT-L/14 text tower, in the form of our config.json.
io::Json sd1_config();

}  // namespace ldm::pipeline
