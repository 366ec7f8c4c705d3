#include "chapters/02_vae/reconstruction.h"

#include <cmath>

#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::vae {

double psnr(const Tensor& a, const Tensor& b) {
    return 10.0 * std::log10(4.0 / ops::mean(ops::square(a - b)).item());
}

MeanAndStd mean_and_std(const Tensor& x) {
    const float mean = ops::mean(x).item();
    return {mean, std::sqrt(ops::mean(ops::square(x - mean)).item())};
}

RoundTrip round_trip(const AutoencoderKL& autoencoder, const image::Example& example,
                     Device device) {
    const Tensor picture = ops::to(image::to_tensor(example.picture), device);
    const DiagonalGaussian posterior = autoencoder.encode(picture);
    const Tensor& latent = posterior.mode();
    const Tensor reconstruction = ops::clamp(autoencoder.decode(latent), -1.0f, 1.0f);
    return {example.caption, picture, latent, reconstruction, ops::mean(posterior.std()).item()};
}

}  // namespace ldm::vae
