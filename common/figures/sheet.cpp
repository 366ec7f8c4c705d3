#include "common/figures/sheet.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/figures/figure.h"
#include "common/image/resize.h"

namespace ldm::figures {
namespace {

constexpr double label_space = 6, row_label_width = 150;

/// A tile whose picture is not larger than its room, and how many times it is enlarged.
struct Fitted {
    image::Image picture;
    int zoom;
    std::string label;
    int width() const { return picture.width * zoom; }
    int height() const { return picture.height * zoom; }
};

/// Whole zoom factors keep pixels square and sharp.
Fitted fit(const Tile& tile, int size) {
    const image::Image& picture = tile.picture;
    expect(picture.width > 0 && picture.height > 0, "a tile needs a picture");
    const int longest = std::max(picture.width, picture.height);
    if (longest <= size) return {picture, size / longest, tile.label};
    const auto scaled = [&](int side) {
        return std::max(1, static_cast<int>(std::lround(double(side) * size / longest)));
    };
    return {
        image::resize(picture, scaled(picture.width), scaled(picture.height), image::Filter::area),
        1, tile.label};
}

/// Where everything of a sheet stands.
struct Layout {
    int columns;
    double left = 0, width = 0, height = 0;
    std::vector<double> tops, heights;

    Layout(const std::vector<Fitted>& tiles, const SheetStyle& style)
        : columns(style.columns > 0 ? style.columns : std::max(1, static_cast<int>(tiles.size()))) {
        for (const std::string& label : style.row_labels)
            for (const std::string& line : wrap_text(label, row_label_width))
                left = std::max(left, std::ceil(text_width(line)) + style.gap);
        if (!style.column_labels.empty()) height += line_height() + label_space;
        for (std::size_t first = 0; first < tiles.size();) {
            const std::size_t last =
                std::min(tiles.size(), first + static_cast<std::size_t>(columns));
            int highest = 1;
            double label_height = 0;
            for (; first < last; ++first) {
                highest = std::max(highest, tiles[first].height());
                if (!tiles[first].label.empty()) label_height = label_space + line_height();
            }
            tops.push_back(height);
            heights.push_back(highest);
            height += highest + label_height + style.gap;
        }
        height = std::max(1.0, height - style.gap);
        if (style.scale) height += style.gap + color_scale_height;
        width = left + columns * (style.tile_size + style.gap) - style.gap;
    }

    double x(int column, const SheetStyle& style) const {
        return left + column * (style.tile_size + style.gap);
    }
};

void draw_tile(Canvas& canvas, const Fitted& tile, double x, double top, double height,
               const SheetStyle& style) {
    const double middle = x + style.tile_size / 2.0;
    // whole pixels to the left, or half a pixel would blur the picture
    const int indent = (style.tile_size - tile.width()) / 2;
    const Rectangle area{x + indent, top, static_cast<double>(tile.width()),
                         static_cast<double>(tile.height())};
    canvas.picture(tile.picture, area);
    canvas.frame({area.x - 1, area.y - 1, area.width + 2, area.height + 2});
    canvas.text({middle, top + height + label_space + line_height() / 2},
                fit_text(tile.label, style.tile_size + style.gap / 2.0), {.align = Align::centre});
}

/// The label of a row, halfway down it, on as many lines as it needs.
void draw_row_label(Canvas& canvas, const std::string& label, double right, double middle) {
    const auto lines = wrap_text(label, row_label_width);
    double y = middle - (static_cast<double>(lines.size()) - 1) * line_height() / 2;
    for (const std::string& line : lines) {
        canvas.text({right, y}, line, {.align = Align::right});
        y += line_height();
    }
}

}  // namespace

Canvas sheet(const std::vector<Tile>& tiles, const SheetStyle& style) {
    std::vector<Fitted> fitted;
    for (const Tile& tile : tiles) fitted.push_back(fit(tile, style.tile_size));
    const Layout layout(fitted, style);

    // a pixel around it for the frames of the outer tiles
    Canvas body(layout.width + 2, std::ceil(layout.height) + 2);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        const int column = static_cast<int>(i) % layout.columns;
        const std::size_t row = i / static_cast<std::size_t>(layout.columns);
        draw_tile(body, fitted[i], 1 + layout.x(column, style), 1 + std::round(layout.tops[row]),
                  layout.heights[row], style);
    }
    for (std::size_t i = 0; i < style.column_labels.size(); ++i)
        body.text({1 + layout.x(static_cast<int>(i), style) + style.tile_size / 2.0,
                   1 + line_height() / 2},
                  fit_text(style.column_labels[i], style.tile_size + style.gap),
                  {.align = Align::centre});
    for (std::size_t i = 0; i < std::min(style.row_labels.size(), layout.tops.size()); ++i)
        draw_row_label(body, style.row_labels[i], layout.left - style.gap,
                       1 + layout.tops[i] + layout.heights[i] / 2);
    if (style.scale)
        draw_color_scale(body, {layout.left + 1, layout.height - color_scale_height}, *style.scale);
    return figure(style.title, body, style.caption);
}

}  // namespace ldm::figures
