#include "chapters/07_unet/noise_predictor.h"

#include <cmath>

#include "chapters/01_ddpm/reverse_process.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::unet {
namespace {

DiffusionWrapper::Key conditioning_key(const io::Json& config) {
    return DiffusionWrapper::key_from_json(
        io::get_or(config, "conditioning_key", io::Json("crossattn")));
}

}  // namespace

float NoisePrediction::error() const {
    return std::sqrt(ops::mean(ops::square(predicted - noise)).item());
}

NoisePredictor::NoisePredictor(const nn::ModelSource& model)
    : schedule_(ddpm::Schedule::from_model_config(model.config())),
      scale_factor_(io::get<float>(model.config(), "scale_factor")),
      autoencoder_(vae::load_autoencoder(model)),
      prompt_encoder_(clip::load_prompt_encoder(model)),
      model_(model.weights() / "model",
             Config::from_json(io::get<io::Json>(model.config(), "unet_config")),
             conditioning_key(model.config())) {
    model.check();
}

Tensor NoisePredictor::encode(const Tensor& picture) const {
    return scale_factor_ * autoencoder_.encode(picture).mode();
}

Tensor NoisePredictor::decode(const Tensor& z) const {
    return autoencoder_.decode(z / scale_factor_);
}

Tensor NoisePredictor::encode_caption(const std::string& caption) const {
    return prompt_encoder_({caption});
}

//! [predict]
NoisePrediction NoisePredictor::predict(const Tensor& z0, int t, const Tensor& noise,
                                        const Tensor& context) const {
    const Tensor step = ddpm::same_step(z0, t);
    const Tensor x_t = ddpm::q_sample(schedule_, z0, step, noise);
    const Tensor prediction = model_(x_t, step, {.crossattn = {context}});
    // the UNet answers in the parameterization that it was trained in
    return {t, x_t, noise, ddpm::predicted_eps(schedule_, x_t, step, prediction),
            ddpm::predicted_x0(schedule_, x_t, step, prediction)};
}
//! [predict]

}  // namespace ldm::unet
