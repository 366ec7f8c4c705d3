#include "common/image/sheet.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/image/canvas.h"
#include "common/image/resize.h"

namespace ldm::image {
namespace {

/// The picture at the size of a tile: whole zoom factors keep pixels square and sharp.
Image fit(const Image& picture, int size) {
    expect(picture.width > 0 && picture.height > 0, "a tile needs a picture");
    const int longest = std::max(picture.width, picture.height);
    if (longest > size) {
        const auto scaled = [&](int side) {
            return std::max(1, static_cast<int>(std::lround(double(side) * size / longest)));
        };
        return resize(picture, scaled(picture.width), scaled(picture.height), Filter::area);
    }
    const int zoom = size / longest;
    Canvas canvas(picture.width * zoom, picture.height * zoom);
    canvas.paste(picture, 0, 0, zoom);
    return canvas.image();
}

}  // namespace

Image sheet(const std::vector<Tile>& tiles, const SheetStyle& style) {
    const int count = static_cast<int>(tiles.size());
    const int columns = std::max(1, style.columns > 0 ? style.columns : count);
    const int rows = (count + columns - 1) / columns;
    constexpr int label_space = 8;

    std::vector<Image> pictures;
    for (const Tile& tile : tiles) pictures.push_back(fit(tile.picture, style.tile_size));

    // How high each row is, and where it starts.
    const bool has_labels =
        std::any_of(tiles.begin(), tiles.end(), [](const Tile& t) { return !t.label.empty(); });
    const int label_height = has_labels ? label_space + text_height() : 0;
    int left = style.margin;
    for (const std::string& label : style.row_labels)
        left = std::max(left, style.margin + text_width(label) + style.gap);
    int y = style.margin + (style.title.empty() ? 0 : text_height(3) + style.margin * 3 / 4);
    std::vector<int> tops, heights;
    for (int row = 0; row < rows; ++row) {
        int height = 1;
        for (int i = row * columns; i < std::min(count, (row + 1) * columns); ++i)
            height = std::max(height, pictures[static_cast<std::size_t>(i)].height);
        tops.push_back(y);
        heights.push_back(height);
        y += height + label_height + style.gap;
    }
    y += style.margin - style.gap;
    if (!style.note.empty()) y += text_height() + style.gap;

    int width = left + columns * (style.tile_size + style.gap) - style.gap + style.margin;
    width = std::max(
        width, 2 * style.margin + std::max(text_width(style.title, 3), text_width(style.note)));
    Canvas canvas(width, y);
    canvas.text(style.margin, style.margin, style.title, Align::left, 3);
    for (int i = 0; i < count; ++i) {
        const Image& picture = pictures[static_cast<std::size_t>(i)];
        const auto row = static_cast<std::size_t>(i / columns);
        const int x = left + i % columns * (style.tile_size + style.gap);
        const int px = x + (style.tile_size - picture.width) / 2;
        canvas.paste(picture, px, tops[row]);
        canvas.frame(px - 1, tops[row] - 1, picture.width + 2, picture.height + 2);
        canvas.text(
            x + style.tile_size / 2, tops[row] + heights[row] + label_space,
            fit_text(tiles[static_cast<std::size_t>(i)].label, style.tile_size + style.gap / 2),
            Align::centre);
    }
    for (std::size_t row = 0; row < style.row_labels.size() && row < tops.size(); ++row)
        canvas.text(left - style.gap, tops[row] + (heights[row] - text_height()) / 2,
                    style.row_labels[row], Align::right);
    canvas.text(style.margin, y - style.margin - text_height(), style.note, Align::left, 2, faint);
    return canvas.image();
}

}  // namespace ldm::image
