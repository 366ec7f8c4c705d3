#pragma once

#include <string>

#include "chapters/02_vae/autoencoder.h"
#include "common/image/example_pictures.h"

namespace ldm::vae {

/// How alike two pictures in [-1, 1] are, in decibels: 20 dB is rough, 30 dB hard to tell apart,
/// 6 dB more halve the error. (Peak signal to noise ratio, 10 log10(2^2 / mean squared error).)
double psnr(const Tensor& a, const Tensor& b);

struct MeanAndStd {
    float mean, std;
};
MeanAndStd mean_and_std(const Tensor& x);

/// A picture, encoded and decoded.
struct RoundTrip {
    std::string caption;
    Tensor picture;  // [1, 3, H, W]
    /// [1, C, h, w], the mean of the posterior
    Tensor latent;
    Tensor reconstruction;  // [1, 3, H, W]
    /// standard deviation of the posterior, averaged over the latent
    float posterior_std;
};

/// `device` is where the autoencoder is, and so where all of the trip takes place.
RoundTrip round_trip(const AutoencoderKL& autoencoder, const image::Example& example,
                     Device device);

}  // namespace ldm::vae
