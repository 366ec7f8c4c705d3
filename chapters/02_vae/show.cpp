#include "chapters/02_vae/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/figures/tensor_picture.h"
#include "common/image/sheet.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::vae {
namespace {

using image::ColorMap;

constexpr float difference_gain = 4.0f;

/// x with `amount` added to all of channel c.
Tensor move_channel(const Tensor& x, std::int64_t c, float amount) {
    Tensor step = Tensor::zeros({1, x.dim(1), 1, 1});
    step.data()[c] = amount;
    return x + ops::to(step, x.device());
}

float largest_magnitude(const Tensor& x) {
    float largest = 0.0f;
    const Tensor here = ops::to(x, Device::cpu);
    for (const float value : here.values()) largest = std::max(largest, std::abs(value));
    return largest;
}

}  // namespace

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
    const Tensor latent = posterior.mode();
    const Tensor reconstruction = ops::clamp(autoencoder.decode(latent), -1.0f, 1.0f);
    return {example.caption, picture, latent, reconstruction, ops::mean(posterior.std()).item()};
}

image::Image show_round_trips(const std::vector<RoundTrip>& trips) {
    const std::int64_t channels = trips.at(0).latent.dim(1);
    std::vector<image::Tile> tiles;
    for (const RoundTrip& trip : trips) {
        tiles.push_back({image::to_image(trip.picture), trip.caption});
        const float range = largest_magnitude(trip.latent);
        for (std::int64_t c = 0; c < channels; ++c)
            tiles.push_back(
                {image::channel_map(trip.latent, 0, c, ColorMap::diverging, -range, range),
                 fmt::format("z[{}]", c)});
        tiles.push_back({image::to_image(trip.reconstruction),
                         fmt::format("{:.1f} dB", psnr(trip.picture, trip.reconstruction))});
        const Tensor difference = difference_gain * (trip.reconstruction - trip.picture);
        tiles.push_back(
            {image::to_image(difference), fmt::format("error x {:g}", difference_gain)});
    }
    const auto& first = trips.at(0);
    const auto note = fmt::format("{} numbers of a picture become {} numbers of a latent",
                                  first.picture.size(), first.latent.size());
    return image::sheet(tiles, {.title = "Picture, latent, reconstruction",
                                .note = note,
                                .columns = static_cast<int>(channels) + 3,
                                .tile_size = 128,
                                .gap = 16});
}

image::Image show_dials(const AutoencoderKL& autoencoder, const RoundTrip& trip) {
    const float step = mean_and_std(trip.latent).std;
    std::vector<image::Tile> tiles;
    std::vector<std::string> rows;
    for (std::int64_t c = 0; c < trip.latent.dim(1); ++c) {
        rows.push_back(fmt::format("z[{}]", c));
        for (const float turns : {-2.0f, -1.0f, 0.0f, 1.0f, 2.0f}) {
            const Tensor moved = move_channel(trip.latent, c, turns * step);
            tiles.push_back({image::to_image(autoencoder.decode(moved)),
                             turns == 0.0f ? "as it is" : fmt::format("{:+.1f}", turns * step)});
        }
    }
    return image::sheet(
        tiles, {.title = "Four dials: what each latent channel is for",
                .note = "A number is added to every place of one channel, then the decoder paints.",
                .columns = 5,
                .tile_size = 128,
                .gap = 16,
                .row_labels = rows});
}

}  // namespace ldm::vae
