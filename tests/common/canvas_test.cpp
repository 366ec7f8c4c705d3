#include "common/image/canvas.h"

#include <cmath>

#include "common/image/bar_chart.h"
#include "common/image/plot.h"
#include "common/image/sheet.h"
#include "common/image/text_glyphs.h"
#include "common/image/ticks.h"
#include "tests/support/catch.h"

using namespace ldm::image;

namespace {

int count(const Image& image, Color color) {
    int found = 0;
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x) found += image.at(x, y) == color;
    return found;
}

constexpr Color red{255, 0, 0};

}  // namespace

TEST_CASE("canvas: what lies outside is cut off") {
    Canvas canvas(10, 8);
    canvas.fill(-5, -5, 8, 8, red);
    CHECK(count(canvas.image(), red) == 9);
    canvas.fill(8, 6, 100, 100, red);
    CHECK(count(canvas.image(), red) == 9 + 4);
    canvas.paste(Image(3, 3, black), 8, -2, 2);
    canvas.text(-20, 3, "outside everything", Align::left, 3);
    canvas.curve({{-100, -100}, {200, 90}, {NAN, 3}}, red);
    CHECK(canvas.image().width == 10);
}

TEST_CASE("canvas: a pasted picture becomes sharp blocks") {
    Image picture(2, 1, black);
    picture.set(1, 0, red);
    Canvas canvas(9, 5);
    canvas.paste(picture, 1, 1, 3);
    CHECK(count(canvas.image(), red) == 9);
    CHECK(count(canvas.image(), black) == 9);
    CHECK(canvas.image().at(4, 1) == red);
    CHECK(canvas.image().at(3, 3) == black);
}

TEST_CASE("canvas: a curve is as thick as asked for") {
    Canvas canvas(30, 20);
    canvas.curve({{5, 10}, {25, 10}}, red, 4);
    for (int y = 0; y < 20; ++y) {
        const bool inside = y >= 8 && y < 12;
        CHECK((canvas.image().at(15, y) == red) == inside);
    }
}

TEST_CASE("canvas: dots stand apart, and a point that is nowhere is left out") {
    Canvas canvas(30, 20);
    canvas.dots({{5, 10}, {NAN, 3}, {25, 10}}, red, 4);
    CHECK(canvas.image().at(5, 10) == red);
    CHECK(canvas.image().at(25, 10) == red);
    // two dots of at most 6 x 6 pixels
    CHECK(count(canvas.image(), white) > 30 * 20 - 2 * 36);
    canvas.dots({}, red);
}

TEST_CASE("labels: accents are dropped, widths add up, long ones are cut") {
    CHECK(plain_text("cr\u00E8me br\u00FBl\u00E9e \u2019\u2014\u201C\U0001F431") ==
          "creme brulee '-\"?");
    CHECK(text_width("") == 0);
    CHECK(text_width("cat", 3) == 3 * text_width("cat", 1));
    CHECK(text_width("cats") > text_width("cat"));
    CHECK(fit_text("cat", 1000) == "cat");
    const std::string cut = fit_text("a grinning cat with smiling eyes", 150);
    CHECK(cut.ends_with("..."));
    CHECK(text_width(cut) <= 150);

    Canvas canvas(100, 30);
    canvas.text(50, 5, "cat", Align::centre);
    CHECK(count(canvas.image(), ink) > 20);
    // every letter fits the room reserved for its boxes
    for (int code = 32; code < 127; ++code)
        CHECK(text_width(std::string(50, static_cast<char>(code))) >= 0);
}

TEST_CASE("ticks are round numbers inside the range") {
    CHECK(round_ticks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1});
    CHECK(round_ticks(0, 999, 6) == std::vector<double>{0, 200, 400, 600, 800, 1000});
    CHECK(round_ticks(3, 3, 5) == std::vector<double>{3});
    CHECK(log_ticks(-2, 2) == std::vector<double>{-2, -1, 0, 1, 2});
    CHECK(log_ticks(-30, 0).size() < 10);
    CHECK(tick_label(0.6000000000000001, 0.2) == "0.6");
    CHECK(tick_label(2000, 500) == "2000");
    CHECK(tick_label(1e-7, 1e-7) == "1e-07");
}

TEST_CASE("sheets, plots and charts have the size they need") {
    const Image dot(8, 8, red);
    const Image row =
        sheet({{dot, "one"}, {dot, "two"}, {dot, ""}}, {.tile_size = 64, .gap = 10, .margin = 20});
    CHECK(row.width == 2 * 20 + 3 * 64 + 2 * 10);
    CHECK(count(row, red) == 3 * 64 * 64);
    const Image grid =
        sheet({{dot, ""}, {Image(256, 128, red), ""}, {dot, ""}},
              {.title = "title", .columns = 2, .tile_size = 64, .row_labels = {"a", "b"}});
    // larger pictures are reduced
    CHECK(count(grid, red) == 2 * 64 * 64 + 64 * 32);

    const Image lines =
        plot({{"a", {1, 2, 3}}, {"b", {3, NAN, 1}}},
             {.title = "t", .x_label = "x", .y_label = "y", .width = 400, .height = 300});
    CHECK(lines.width == 400);
    CHECK(lines.height == 300);
    const Image line = plot({{"a", {1, 9, 2, 8}, {}, red}}, {}),
                dots = plot({{"a", {1, 9, 2, 8}, {}, red, true}}, {});
    CHECK(count(line, red) > 5 * count(dots, red));
    CHECK(count(dots, red) >= 4);
    CHECK_NOTHROW(plot({{"flat", {2, 2, 2}}}, {.log_y = true}));
    CHECK_NOTHROW(plot({{"none", {}}}, {}));
    CHECK_THROWS(plot({{"bad", {1, 2}, {1}}}, {}));
    CHECK(bar_chart({{"a", 0.5f}, {"b", 0}}, "title", 0).width == 900);
}
