#include "chapters/07_unet/noise_predictor.h"

#include <cmath>

#include "chapters/01_ddpm/reverse_process.h"
#include "chapters/07_unet/load_unet.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::unet {
namespace {

ddpm::Schedule::Config schedule_config(const io::Json& config) {
    return {.beta_schedule = io::get_or(config, "beta_schedule", "linear"),
            .timesteps = io::get<int>(config, "timesteps"),
            .linear_start = io::get<double>(config, "linear_start"),
            .linear_end = io::get<double>(config, "linear_end")};
}

}  // namespace

float NoisePrediction::error() const {
    return std::sqrt(ops::mean(ops::square(predicted - noise)).item());
}

NoisePredictor::NoisePredictor(nn::ModelFolder& model)
    : schedule_(schedule_config(model.config())),
      scale_factor_(io::get<float>(model.config(), "scale_factor")),
      autoencoder_(vae::load_autoencoder(model)),
      prompt_encoder_(clip::load_prompt_encoder(model)),
      unet_(load_unet(model)) {
    model.check();
}

Tensor NoisePredictor::encode(const Tensor& picture) const {
    return scale_factor_ * autoencoder_.encode(picture).mode();
}

Tensor NoisePredictor::decode(const Tensor& z) const {
    return autoencoder_.decode(z / scale_factor_);
}

Tensor NoisePredictor::read(const std::string& caption) const { return prompt_encoder_({caption}); }

//! [predict]
NoisePrediction NoisePredictor::predict(const Tensor& z0, int t, const Tensor& noise,
                                        const Tensor& context) const {
    const Tensor step = ddpm::same_step(z0, t);
    const Tensor x_t = ddpm::q_sample(schedule_, z0, step, noise);
    const Tensor predicted = unet_(x_t, step, context);
    return {t, x_t, noise, predicted,
            ddpm::predict_start_from_noise(schedule_, x_t, step, predicted)};
}
//! [predict]

}  // namespace ldm::unet
