#include "chapters/07_unet/noise_picture.h"

#include <fmt/format.h>

#include <cmath>

#include "common/figures/tensor_picture.h"
#include "common/image/canvas.h"
#include "common/image/sheet.h"
#include "common/ops/elementwise.h"

namespace ldm::unet {

image::Image channels_in_a_square(const Tensor& z) {
    constexpr float most = 3.0f;
    const auto [n, channels, height, width] = z.dims<4>();
    const int columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(channels))));
    const int rows = (static_cast<int>(channels) + columns - 1) / columns;
    image::Canvas canvas(columns * static_cast<int>(width), rows * static_cast<int>(height));
    for (int c = 0; c < channels; ++c)
        canvas.paste(image::channel_map(z, 0, c, image::ColorMap::diverging, -most, most),
                     (c % columns) * static_cast<int>(width),
                     (c / columns) * static_cast<int>(height));
    return canvas.image();
}

image::Image noise_picture(const NoisePredictor& predictor,
                           const std::vector<NoisePrediction>& predictions,
                           const std::string& title) {
    std::vector<image::Tile> tiles;
    std::vector<std::string> rows;
    for (const NoisePrediction& prediction : predictions) {
        rows.push_back(fmt::format("t = {}", prediction.t));
        tiles.push_back({image::to_image(predictor.decode(prediction.x_t)), "under noise"});
        tiles.push_back({channels_in_a_square(prediction.noise), "true noise"});
        tiles.push_back({channels_in_a_square(prediction.predicted), "predicted noise"});
        tiles.push_back({channels_in_a_square(prediction.predicted - prediction.noise),
                         fmt::format("error {:.2f}", prediction.error())});
        tiles.push_back({image::to_image(predictor.decode(prediction.x0)), "implied picture"});
    }
    return image::sheet(tiles,
                        {.title = title, .columns = 5, .tile_size = 192, .row_labels = rows});
}

}  // namespace ldm::unet
