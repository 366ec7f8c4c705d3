#include "chapters/07_unet/load_unet.h"

namespace ldm::unet {

UNetModel load_unet(nn::ModelFolder& model) {
    return {model.weights() / "model" / "diffusion_model",
            Config::from_json(io::get<io::Json>(model.config(), "unet_config"))};
}

}  // namespace ldm::unet
