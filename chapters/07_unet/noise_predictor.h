#pragma once

#include <string>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/02_vae/autoencoder.h"
#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "common/nn/model_folder.h"

namespace ldm::unet {

/// What the UNet says about a picture whose noise is known. All [1, C, h, w] latents.
struct NoisePrediction {
    int t;
    // the picture under noise
    Tensor x_t;
    // what was put on it
    Tensor noise;
    // what the UNet takes for noise
    Tensor predicted;
    // the picture that this would leave
    Tensor x0;

    /// The root of the mean squared difference: 1 for a prediction of 0.
    float error() const;
};

/// A model folder, put together just enough to ask its UNet about a picture: chapter 02 makes
/// latents of it, chapter 03 reads the caption, chapter 01 adds noise.
class NoisePredictor {
public:
    /// Throws an Error that lists every weight the folder lacks.
    explicit NoisePredictor(nn::ModelFolder& model);

    // [1, 3, H, W] -> [1, C, h, w], variance near 1
    Tensor encode(const Tensor& picture) const;
    // and back
    Tensor decode(const Tensor& z) const;
    Tensor read(const std::string& caption) const;  // [1, S, D]
    NoisePrediction predict(const Tensor& z0, int t, const Tensor& noise,
                            const Tensor& context) const;

    const UNetModel& unet() const { return unet_; }

private:
    ddpm::Schedule schedule_;
    float scale_factor_;
    vae::AutoencoderKL autoencoder_;
    clip::PromptEncoder prompt_encoder_;
    UNetModel unet_;
};

}  // namespace ldm::unet
