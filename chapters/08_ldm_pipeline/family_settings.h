#pragma once

#include <cstdint>

#include "chapters/08_ldm_pipeline/families.h"
#include "common/io/json.h"

namespace ldm::pipeline {

/// The settings of Stable Diffusion 1.x, which its files do not carry: v1-inference.yaml of
/// CompVis/stable-diffusion with the CLIP ViT-L/14 text tower, in the form of our config.json. A
/// UNet of more input channels than 4 has the conditioning key hybrid.
[[nodiscard]] io::Json sd1_settings(std::int64_t in_channels = 4);

/// Those of Stable Diffusion 2.x: v2-inference.yaml of Stability-AI/stablediffusion. The text tower
/// is OpenCLIP's ViT-H/14 without its last layer, whose output upstream never uses, and pads with
/// 0. Here the UNet predicts eps (2.0-base, 2.1-base, Turbo: 512 pixels); see prediction.h for
/// v (2.0, 2.1: 768 pixels).
[[nodiscard]] io::Json sd2_settings(std::int64_t in_channels = 4);

/// Those of the family; of latent diffusion's, published_settings(). sd1_settings() for one that is
/// not known.
[[nodiscard]] io::Json settings_of(const ModelFamily& family);

}  // namespace ldm::pipeline
