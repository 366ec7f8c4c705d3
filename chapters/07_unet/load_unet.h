#pragma once

#include "chapters/07_unet/unet_model.h"
#include "common/nn/model_folder.h"

namespace ldm::unet {

/// The UNet of a model folder: `unet_config` and `model.diffusion_model`.
UNetModel load_unet(nn::ModelFolder& model);

}  // namespace ldm::unet
