#include "chapters/02_vae/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::vae {
namespace {

using figures::ColorMap;

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

figures::Canvas reconstruction_figure(const std::vector<RoundTrip>& trips) {
    const RoundTrip& first = trips.at(0);
    std::vector<std::string> headings = {"picture x"};
    for (std::int64_t c = 0; c < first.latent.dim(1); ++c)
        headings.push_back(fmt::format("latent z[{}]", c));
    headings.push_back("reconstruction");
    headings.push_back(fmt::format("{:g} × error", difference_gain));

    std::vector<figures::Tile> tiles;
    for (const RoundTrip& trip : trips) {
        tiles.push_back({image::to_image(trip.picture), trip.caption});
        const float range = largest_magnitude(trip.latent);
        for (std::int64_t c = 0; c < trip.latent.dim(1); ++c)
            tiles.push_back(
                {figures::channel_map(trip.latent, 0, c, ColorMap::diverging, -range, range)});
        tiles.push_back({image::to_image(trip.reconstruction),
                         fmt::format("{:.1f} dB", psnr(trip.picture, trip.reconstruction))});
        tiles.push_back({image::to_image(difference_gain * (trip.reconstruction - trip.picture))});
    }
    const auto caption = fmt::format(
        "{} numbers of a picture become {} numbers of a latent. The outline of the emoji is in "
        "most "
        "channels; the error (grey: none; PSNR in dB) sits at fine lines.",
        first.picture.size(), first.latent.size());
    return figures::sheet(
        tiles, {.title = "The first stage: picture, latent, reconstruction",
                .caption = caption,
                .columns = static_cast<int>(headings.size()),
                .column_labels = headings,
                .scale = figures::ColorScale{ColorMap::diverging, "−max", "+max",
                                             "latent, to the largest magnitude of each picture"}});
}

figures::Canvas latent_traversal_figure(const AutoencoderKL& autoencoder, const RoundTrip& trip) {
    const float step = mean_and_std(trip.latent).std;
    const std::vector<float> amounts = {-2.0f * step, -step, 0.0f, step, 2.0f * step};
    std::vector<figures::Tile> tiles;
    std::vector<std::string> rows, columns;
    for (const float amount : amounts)
        columns.push_back(amount == 0.0f ? "unchanged" : fmt::format("{:+.1f}", amount));
    for (std::int64_t c = 0; c < trip.latent.dim(1); ++c) {
        rows.push_back(fmt::format("channel z[{}]", c));
        for (const float amount : amounts) {
            const Tensor moved = move_channel(trip.latent, c, amount);
            tiles.push_back({image::to_image(autoencoder.decode(moved))});
        }
    }
    return figures::sheet(
        tiles, {.title = "Latent traversal: what each channel encodes",
                .caption = "The number above a column (one or two standard deviations) is added to "
                           "every position of one channel, then the latent is decoded.",
                .columns = static_cast<int>(amounts.size()),
                .column_labels = columns,
                .row_labels = rows});
}

}  // namespace ldm::vae
