#pragma once

#include <string>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/02_vae/autoencoder.h"
#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/07_unet/diffusion_wrapper.h"
#include "common/nn/model_source.h"

namespace ldm::unet {

/// The UNet's prediction for a picture whose noise is known. All [1, C, h, w] latents.
struct NoisePrediction {
    int t;
    /// the noised latent
    Tensor x_t;
    /// the noise in it
    Tensor noise;
    /// the noise that the UNet predicts, whatever its parameterization
    Tensor predicted;
    /// the latent that this prediction implies: pred_x0
    Tensor x0;

    /// The root of the mean squared difference: 1 for a prediction of 0.
    float error() const;
};

/// A model folder, put together just enough to ask its UNet about a picture: chapter 02 encodes it
/// to a latent, chapter 03 the caption to a context, chapter 01 adds noise.
class NoisePredictor {
public:
    /// Throws an Error that lists every weight the folder lacks.
    explicit NoisePredictor(const nn::ModelSource& model);

    /// [1, 3, H, W] -> [1, C, h, w], variance near 1
    Tensor encode(const Tensor& picture) const;
    /// and back
    Tensor decode(const Tensor& z) const;
    /// The context of a caption: [1, S, D].
    Tensor encode_caption(const std::string& caption) const;
    NoisePrediction predict(const Tensor& z0, int t, const Tensor& noise,
                            const Tensor& context) const;

    const UNetModel& unet() const { return model_.unet(); }

private:
    ddpm::Schedule schedule_;
    float scale_factor_;
    vae::AutoencoderKL autoencoder_;
    clip::PromptEncoder prompt_encoder_;
    DiffusionWrapper model_;
};

}  // namespace ldm::unet
