#include "chapters/06_spatial_transformer/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/figures/sheet.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::spatial_transformer {
namespace {

constexpr int tile_size = 128;

/// The picture under a map of weights, from its smallest to its largest.
image::Image under_weights(const image::Image& picture, const AttentionMaps& maps,
                           const Tensor& weights) {
    const auto [low, high] = std::ranges::minmax(weights.values());
    const Tensor shares = (weights - low) / std::max(high - low, 1e-9f);
    return figures::overlay(picture, shares.values(), maps.height, maps.width);
}

/// The picture with a box around one of the pixels that the transformer sees.
image::Image mark_pixel(const image::Image& picture, const AttentionMaps& maps, int pixel) {
    figures::Canvas canvas(tile_size, tile_size);
    canvas.picture(picture, {0, 0, tile_size, tile_size});
    const double w = double{tile_size} / maps.width, h = double{tile_size} / maps.height;
    const int column = pixel % maps.width, row = pixel / maps.width;
    canvas.frame({column * w, row * h, w, h}, {220, 30, 60}, 3);
    return canvas.pixels();
}

}  // namespace

Tensor weights_of(const AttentionMaps& maps, const attention::Word& word) {
    Tensor sum = Tensor::zeros({maps.cross.dim(0), 1});
    for (int token : word.tokens) sum = sum + ops::slice(maps.cross, 1, token, token + 1);
    return sum.reshape({-1});
}

figures::Canvas attention_figure(const std::string& title, const image::Image& picture,
                                 const AttentionMaps& maps, const std::vector<int>& pixels,
                                 const std::vector<attention::Word>& words) {
    std::vector<figures::Tile> queries, self, cross;
    for (const int pixel : pixels) {
        queries.push_back({mark_pixel(picture, maps, pixel),
                           fmt::format("({}, {})", pixel % maps.width, pixel / maps.width)});
        self.push_back({under_weights(picture, maps, ops::slice(maps.self, 0, pixel, pixel + 1))});
    }
    for (const attention::Word& word : words) {
        const Tensor weights = weights_of(maps, word);
        cross.push_back({under_weights(picture, maps, weights),
                         fmt::format("{}: {:.0f} %", word.text, 100 * ops::mean(weights).item())});
    }
    std::vector<figures::Tile> tiles = queries;
    std::ranges::copy(self, std::back_inserter(tiles));
    std::ranges::copy(cross, std::back_inserter(tiles));
    return figures::sheet(
        tiles,
        {.title = title,
         .caption = "Row 1: a query pixel (column, row). Row 2: its self-attention, bright where "
                    "it takes its values from. Row 3: the cross-attention of all pixels to each "
                    "word, with its mean weight. Each map runs from its smallest to its largest "
                    "weight.",
         .columns = static_cast<int>(pixels.size()),
         .tile_size = tile_size,
         .row_labels = {"query pixel", "self-attention (attn1)", "cross-attention (attn2)"},
         .scale = figures::ColorScale{figures::ColorMap::magma, "smallest", "largest",
                                      "attention weight, averaged over the heads"}});
}

}  // namespace ldm::spatial_transformer
