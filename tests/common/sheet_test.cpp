#include "common/figures/sheet.h"

#include "common/error.h"
#include "tests/support/catch.h"
#include "tests/support/pixels.h"

using namespace ldm;
using namespace ldm::figures;
using image::Image;
using test::box_of;
using test::count;

namespace {

constexpr Color red{255, 0, 0}, blue{0, 0, 255};

}  // namespace

TEST_CASE("sheet: tiles in rows, enlarged by whole factors or reduced") {
    const Image dot(8, 8, red);
    const Image row =
        sheet({{dot, "one"}, {dot, "two"}, {dot}}, {.tile_size = 64, .gap = 10}).pixels();
    CHECK(count(row, red) == 3 * 64 * 64);
    const auto box = box_of(row, red);
    CHECK(box.right - box.left == 3 * 64 + 2 * 10);
    CHECK(box.bottom - box.top == 64);

    const Image grid = sheet({{dot}, {Image(256, 128, blue)}, {dot}},
                             {.columns = 2, .tile_size = 60, .row_labels = {"a", "b"}})
                           .pixels();
    CHECK(count(grid, red) == 2 * 56 * 56);
    CHECK(count(grid, blue) == 60 * 30);
    CHECK(box_of(grid, blue).left > box_of(grid, red).left + 56);
    CHECK_THROWS_AS(sheet({{Image()}}), Error);
}

TEST_CASE("sheet: labels, headings, colour scale and caption are inside and do not overlap") {
    const Image tile(16, 16, red);
    const SheetStyle plain{.columns = 2, .tile_size = 64};
    SheetStyle full = plain;
    full.title = "A title";
    full.caption = "What to see.";
    full.column_labels = {"first", "second"};
    full.row_labels = {"a label of several words on two lines", "b"};
    full.scale = ColorScale{ColorMap::diverging, "−1", "+1", "value"};
    const std::vector<Tile> tiles = {{tile, "1"}, {tile, "2"}, {tile, "3"}, {tile, "4"}};
    const Canvas small = sheet(tiles, plain), large = sheet(tiles, full);
    CHECK(large.width() > small.width());
    CHECK(large.height() > small.height() + 60);
    const Image picture = large.pixels();
    CHECK(count(picture, red) == 4 * 64 * 64);
    const auto box = box_of(picture);
    CHECK(box.left >= 28);
    CHECK(box.top >= 28);
    CHECK(box.right <= picture.width - 28);
    CHECK(box.bottom <= picture.height - 20);
}

TEST_CASE("colour scale: the map's colours from one end to the other") {
    Canvas canvas(400, 30);
    draw_color_scale(canvas, {5, 5}, {ColorMap::diverging, "low", "high", "what"});
    const Image picture = canvas.pixels();
    const auto low = box_of(picture, map_color(ColorMap::diverging, -1));
    const auto high = box_of(picture, map_color(ColorMap::diverging, 1));
    CHECK(low.left > 5 + text_width("low", small_size));
    CHECK(high.right > low.left + 100);
    CHECK(box_of(picture).right < 400);
}
