#pragma once

#include <string>
#include <vector>

#include "chapters/07_unet/noise_predictor.h"
#include "common/figures/canvas.h"

namespace ldm::unet {

/// One row a prediction: the noisy latent, the true noise, the predicted noise, the difference of
/// the two, and the predicted x0. Noise is shown as the latent's channels in a square, blue below
/// zero and red above; latents are decoded.
figures::Canvas noise_figure(const NoisePredictor& predictor,
                             const std::vector<NoisePrediction>& predictions,
                             const std::string& caption_of_picture);

/// The channels of z [1, C, h, w] beside and below each other, from -3 (blue) to 3 (red).
image::Image channels_in_a_square(const Tensor& z);

}  // namespace ldm::unet
