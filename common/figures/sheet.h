#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/figures/canvas.h"
#include "common/figures/heat_map.h"

namespace ldm::figures {

/// A picture with a line of text under it.
struct Tile {
    image::Image picture;
    std::string label = {};
};

struct SheetStyle {
    std::string title, caption;
    /// tiles in a row; 0: all in one row
    int columns = 0;
    /// every picture is shown this wide, by the nearest whole zoom
    int tile_size = 128;
    /// between tiles
    int gap = 14;
    /// above each column, and at the left of each row
    std::vector<std::string> column_labels = {}, row_labels = {};
    /// what the colours mean, below all tiles
    std::optional<ColorScale> scale = {};
};

/// Tiles in rows, labels centred under them, as a figure: what most chapters show.
/// Pictures are enlarged by whole factors, pixel by pixel, or reduced by area where they are larger
/// than a tile. Rows are as high as their highest picture.
[[nodiscard]] Canvas sheet(const std::vector<Tile>& tiles, const SheetStyle& style = {});

}  // namespace ldm::figures
