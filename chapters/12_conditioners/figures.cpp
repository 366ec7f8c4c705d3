#include "chapters/12_conditioners/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/02_vae/interpolation.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/io/utf8.h"

namespace ldm::conditioners {

figures::Canvas neighbours_figure(const std::vector<std::string>& texts,
                                  const std::vector<image::Example>& examples,
                                  const Neighbours& found) {
    const auto [rows, k] = found.ids.dims<2>();
    std::vector<figures::Tile> tiles;
    for (std::int64_t i = 0; i < rows * k; ++i) {
        const image::Example& example = examples[found.ids.ints()[i]];
        tiles.push_back({example.picture, fmt::format("{:.2f}", found.similarities.values()[i])});
    }
    return figures::sheet(
        tiles, {.title = "The pictures that are nearest to a text",
                .caption = fmt::format("By the cosine similarity of CLIP's embeddings, out of {} "
                                       "pictures; the nearest first.",
                                       examples.size()),
                .columns = static_cast<int>(k),
                .row_labels = texts});
}

figures::Canvas search_figure(const std::string& title, const std::optional<image::Image>& query,
                              const std::vector<FoundPicture>& found, std::int64_t pool) {
    std::vector<figures::Tile> tiles;
    if (query) tiles.push_back({*query, "searched for"});
    for (const FoundPicture& one : found)
        tiles.push_back(
            {one.picture, fmt::format("{:.2f} {}", one.similarity, text::printable(one.caption))});
    return figures::sheet(
        tiles, {.title = title,
                .caption = fmt::format("By the cosine similarity of CLIP's embeddings, out of {} "
                                       "pictures; the nearest first.",
                                       pool),
                .columns = static_cast<int>(std::min<std::size_t>(tiles.size(), 5))});
}

figures::Canvas rescaling_figure(const image::Image& picture, int factor) {
    const Tensor x = image::to_tensor(picture);
    std::vector<figures::Tile> tiles{{picture, fmt::format("{0} x {0}", picture.width)}};
    for (const char* method : {"nearest", "bilinear", "bicubic", "area"})
        tiles.push_back(
            {image::to_image(vae::rescaled(x, 1.0 / factor, vae::interpolation_named(method)), 0),
             method});
    return figures::sheet(
        tiles, {.title = "A conditioning picture at the size of the latents",
                .caption = fmt::format(
                    "1/{} of the width. nearest and bilinear look at one or two old pixels of an "
                    "axis and miss the others, bicubic at four; area is the mean of all.",
                    factor)});
}

}  // namespace ldm::conditioners
