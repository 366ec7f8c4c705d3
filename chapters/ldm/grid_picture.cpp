#include "chapters/ldm/grid_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/error.h"
#include "common/figures/canvas.h"

namespace ldm::program {
namespace {

constexpr int gap = 6;
constexpr double row_label_width = 160;

using Lines = std::vector<std::string>;

/// Where everything stands.
struct Layout {
    std::vector<Lines> column_labels, row_labels;
    std::vector<int> widths, heights;
    // of the labels with their gap, and all in all
    int left = gap, top = gap;
    std::int64_t width = 0, height = 0;

    Layout(const GridLabels& labels, const std::vector<image::Extent>& cells)
        : widths(std::max<std::size_t>(labels.columns.size(), 1)),
          heights(std::max<std::size_t>(labels.rows.size(), 1)) {
        expect(cells.size() == widths.size() * heights.size(), "a grid has all of its cells");
        for (std::size_t i = 0; i < cells.size(); ++i) {
            int& column = widths[i % widths.size()];
            int& row = heights[i / widths.size()];
            column = std::max(column, cells[i].width);
            row = std::max(row, cells[i].height);
        }
        wrap_labels(labels);
        width = left;
        for (const int column : widths) width += column + gap;
        height = top;
        for (const int row : heights) height += row + gap;
    }

private:
    void wrap_labels(const GridLabels& labels) {
        std::size_t most_lines = 0;
        for (std::size_t i = 0; i < labels.columns.size(); ++i) {
            column_labels.push_back(figures::wrap_text(labels.columns[i], widths[i]));
            // the words of a narrow column may be wider than it
            for (const std::string& line : column_labels[i])
                widths[i] = std::max(widths[i], static_cast<int>(figures::text_width(line)) + 1);
            most_lines = std::max(most_lines, column_labels[i].size());
        }
        double widest = 0;
        for (std::size_t i = 0; i < labels.rows.size(); ++i) {
            row_labels.push_back(figures::wrap_text(labels.rows[i], row_label_width));
            for (const std::string& line : row_labels[i])
                widest = std::max(widest, figures::text_width(line));
            heights[i] = std::max(heights[i], height_of(row_labels[i]));
        }
        if (most_lines > 0) top += static_cast<int>(std::ceil(most_lines * line_height)) + gap;
        if (widest > 0) left += static_cast<int>(std::ceil(widest)) + gap;
    }

    static constexpr double line_height = figures::line_height();
    static int height_of(const Lines& lines) {
        return static_cast<int>(std::ceil(static_cast<double>(lines.size()) * line_height));
    }
};

void draw_lines(figures::Canvas& canvas, const Lines& lines, figures::Point middle,
                figures::Align align) {
    middle.y -= (static_cast<double>(lines.size()) - 1) * figures::line_height() / 2;
    for (const std::string& line : lines) {
        canvas.text(middle, line, {.align = align});
        middle.y += figures::line_height();
    }
}

std::vector<image::Extent> extents_of(const std::vector<image::Image>& cells) {
    std::vector<image::Extent> extents;
    for (const image::Image& cell : cells) extents.push_back({cell.width, cell.height});
    return extents;
}

}  // namespace

image::Extent grid_extent(const GridLabels& labels, const std::vector<image::Extent>& cells) {
    const Layout layout(labels, cells);
    // Cairo's largest side
    constexpr int largest = 32767;
    if (layout.width > largest || layout.height > largest ||
        layout.width * layout.height > image::most_pixels)
        throw Error(fmt::format(
            "a grid of {} x {} pixels is too large: {} on a side and {} million pixels at most",
            layout.width, layout.height, largest, image::most_pixels / 1'000'000));
    return {static_cast<int>(layout.width), static_cast<int>(layout.height)};
}

image::Image grid_picture(const GridLabels& labels, const std::vector<image::Image>& cells) {
    const std::vector<image::Extent> extents = extents_of(cells);
    const image::Extent size = grid_extent(labels, extents);
    const Layout layout(labels, extents);
    figures::Canvas canvas(size.width, size.height);
    double y = layout.top;
    for (std::size_t row = 0; row < layout.heights.size(); ++row) {
        double x = layout.left;
        for (std::size_t column = 0; column < layout.widths.size(); ++column) {
            const image::Image& cell = cells[row * layout.widths.size() + column];
            canvas.picture(cell, {x, y, double(cell.width), double(cell.height)});
            if (row == 0 && !labels.columns.empty())
                draw_lines(canvas, layout.column_labels[column],
                           {x + layout.widths[column] / 2.0, layout.top / 2.0},
                           figures::Align::centre);
            x += layout.widths[column] + gap;
        }
        if (!labels.rows.empty())
            draw_lines(canvas, layout.row_labels[row],
                       {double(layout.left - gap), y + layout.heights[row] / 2.0},
                       figures::Align::right);
        y += layout.heights[row] + gap;
    }
    return canvas.pixels();
}

}  // namespace ldm::program
