#pragma once

#include <string>
#include <vector>

#include "common/image/image.h"

namespace ldm::image {

/// A picture with a line of text under it.
struct Tile {
    Image picture;
    std::string label;
};

struct SheetStyle {
    /// above everything
    std::string title;
    /// small, below everything
    std::string note;
    /// tiles in a row; 0: all in one row
    int columns = 0;
    /// every picture is shown this wide, by the nearest whole zoom
    int tile_size = 192;
    /// between tiles
    int gap = 20;
    /// around the sheet
    int margin = 32;
    /// at the left of each row
    std::vector<std::string> row_labels;
};

/// Tiles in rows on white paper, labels centred under them: what most chapters show.
/// Pictures are enlarged by whole factors, pixel by pixel, or reduced by area where they are larger
/// than a tile. Rows are as high as their highest picture.
Image sheet(const std::vector<Tile>& tiles, const SheetStyle& style = {});

}  // namespace ldm::image
