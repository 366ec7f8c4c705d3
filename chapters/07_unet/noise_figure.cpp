#include "chapters/07_unet/noise_figure.h"

#include <fmt/format.h>

#include <cmath>

#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"

namespace ldm::unet {
namespace {

/// Noise is normal: nearly all of it is within three standard deviations.
constexpr float most = 3.0f;

}  // namespace

image::Image channels_in_a_square(const Tensor& z) {
    const auto [n, channels, height, width] = z.dims<4>();
    const auto columns =
        static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(channels))));
    const std::int64_t rows = (channels + columns - 1) / columns;
    figures::Canvas canvas(static_cast<double>(columns * width),
                           static_cast<double>(rows * height));
    for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t column = c % columns, row = c / columns;
        canvas.picture(figures::channel_map(z, 0, c, figures::ColorMap::diverging, -most, most),
                       {static_cast<double>(column * width), static_cast<double>(row * height),
                        static_cast<double>(width), static_cast<double>(height)});
    }
    return canvas.pixels();
}

figures::Canvas noise_figure(const NoisePredictor& predictor,
                             const std::vector<NoisePrediction>& predictions,
                             const std::string& caption_of_picture) {
    std::vector<figures::Tile> tiles;
    std::vector<std::string> rows;
    for (const NoisePrediction& prediction : predictions) {
        rows.push_back(fmt::format("t = {}", prediction.t));
        tiles.push_back({image::to_image(predictor.decode(prediction.x_t))});
        tiles.push_back({channels_in_a_square(prediction.noise)});
        tiles.push_back({channels_in_a_square(prediction.predicted)});
        tiles.push_back({channels_in_a_square(prediction.predicted - prediction.noise),
                         fmt::format("RMSE {:.2f}", prediction.error())});
        tiles.push_back({image::to_image(predictor.decode(prediction.x0))});
    }
    return figures::sheet(
        tiles,
        {.title = fmt::format("Noise prediction of the UNet, \"{}\"", caption_of_picture),
         .caption = "The more noise there is, the better the UNet predicts it: the error fades "
                    "downwards. The predicted x₀ is what is left of xₜ without the predicted "
                    "noise; where xₜ shows little of the picture, it comes from the caption and "
                    "the training. Latents are decoded; noise is shown as four channels in a "
                    "square.",
         .columns = 5,
         .column_labels = {"noisy latent xₜ", "true noise ε", "predicted noise", "error",
                           "predicted x₀"},
         .row_labels = rows,
         .scale = figures::ColorScale{figures::ColorMap::diverging, "−3", "+3",
                                      "noise, in standard deviations"}});
}

}  // namespace ldm::unet
