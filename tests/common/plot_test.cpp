#include "common/figures/plot.h"

#include <cmath>

#include "common/error.h"
#include "common/figures/axis.h"
#include "common/figures/bar_chart.h"
#include "common/figures/color_map.h"
#include "common/figures/ticks.h"
#include "tests/support/catch.h"
#include "tests/support/pixels.h"

using namespace ldm;
using namespace ldm::figures;
using image::Image;
using test::box_of;
using test::count;

namespace {

constexpr Color red{255, 0, 0};

/// The rows in which a line of the grid starts.
std::vector<int> grid_rows(const Image& picture) {
    std::vector<int> rows;
    for (int y = 0; y < picture.height; ++y) {
        int pixels = 0;
        for (int x = 0; x < picture.width; ++x) pixels += picture.at(x, y) == hairline;
        if (pixels > picture.width / 4) rows.push_back(y);
    }
    return rows;
}

}  // namespace

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

TEST_CASE("an axis has a place for every value, and ticks over all of its range") {
    for (const auto& [low, high] :
         std::vector<std::pair<double, double>>{{0, 1}, {-3, 17}, {0.001, 0.0042}, {-1e6, 1e6}}) {
        const Axis axis(low, high, false, 5);
        CHECK(axis.place(low) == Approx(0));
        CHECK(axis.place(high) == Approx(1));
        CHECK(axis.place((low + high) / 2) == Approx(0.5));
        REQUIRE(axis.ticks().size() >= 3);
        const double pitch = axis.place(axis.ticks()[1].value) - axis.place(axis.ticks()[0].value);
        for (const auto& tick : axis.ticks()) {
            CHECK(axis.place(tick.value) > -0.01);
            CHECK(axis.place(tick.value) < 1.01);
            CHECK(!tick.text.empty());
        }
        CHECK(axis.place(axis.ticks().front().value) < pitch);
        CHECK(axis.place(axis.ticks().back().value) > 1 - pitch);
    }
    const Axis log(0.01, 100, true, 5);
    CHECK(log.place(1) == Approx(0.5));
    CHECK(std::isnan(log.place(0)));
    CHECK(log.ticks().front().text == "0.01");
    CHECK(log.ticks().back().text == "100");
    CHECK(Axis(4, 4, false, 5).place(4) == Approx(0.5));
    CHECK_THROWS_AS(Axis(0, 1, true, 5), Error);
}

TEST_CASE("plot: a line is where its values are") {
    // level with the grid's line of 4, which it hides: halfway between those of 2 and 6
    const Image level =
        plot({{"", {4, 4}, {0, 10}, red}}, {.y_range = std::pair{0.0f, 10.0f}}).pixels();
    const std::vector<int> rows = grid_rows(level);
    // 10, 8, 6 and 2; 0 lies under the axis
    REQUIRE(rows.size() == 4);
    const auto line = box_of(level, red);
    CHECK(std::abs((line.top + line.bottom) / 2 - (rows[2] + rows[3]) / 2) <= 1);

    // from the lower left to the upper right corner
    const Image rising =
        plot({{"", {0, 10}, {0, 10}, red}}, {.x_range = std::pair{0.0f, 10.0f}}).pixels();
    const auto box = box_of(rising, red);
    const auto grid = box_of(rising, hairline);
    CHECK(std::abs(box.left - grid.left) < 5);
    CHECK(std::abs(box.right - grid.right) < 5);
    CHECK(std::abs(box.top - grid.top) < 5);
    // what lies outside of the axes is cut off
    const Image cut =
        plot({{"", {0, 10}, {0, 10}, red}}, {.y_range = std::pair{4.0f, 6.0f}}).pixels();
    CHECK(box_of(cut, red).top >= box_of(cut, hairline).top);
    CHECK(count(cut, red) < count(rising, red));
}

TEST_CASE("plot: what has no place on a logarithmic axis leaves a gap") {
    const Curve curve{"", {1, 10, 0, 10, 1}, {}, red};
    const Image with_gap = plot({curve}, {.log_y = true}).pixels();
    const Image whole = plot({{"", {1, 10, 10, 10, 1}, {}, red}}, {.log_y = true}).pixels();
    const auto box = box_of(whole, red);
    const auto red_at = [&](const Image& picture, double share) {
        const int x = static_cast<int>(box.left + share * (box.right - box.left));
        int found = 0;
        for (int y = 0; y < picture.height; ++y) found += picture.at(x, y) == red;
        return found;
    };
    CHECK(red_at(whole, 0.4) > 0);
    CHECK(red_at(with_gap, 0.4) == 0);
    CHECK(red_at(with_gap, 0.1) > 0);
}

TEST_CASE("plot: a power of x is a straight line where both axes are logarithmic") {
    const PlotStyle style{.x_range = std::pair{1.0f, 100.0f}, .y_range = std::pair{1.0f, 1e4f}};
    PlotStyle logs = style;
    logs.log_x = logs.log_y = true;
    // the square of x at its ends and in between, and the line between the ends
    const Image square = plot({{"", {1, 100, 1e4}, {1, 10, 100}, red}}, logs).pixels();
    const Image straight = plot({{"", {1, 1e4}, {1, 100}, red}}, logs).pixels();
    CHECK(count(square, red) == Approx(count(straight, red)).epsilon(0.05));
}

TEST_CASE("plot: a legend that is too long for one line goes on below") {
    const auto with_names = [](const std::string& name) {
        return plot({{name, {1, 2}, {}, red}, {name, {2, 1}, {}, red}}, {.width = 300}).pixels();
    };
    const Image one_line = with_names("a"), two_lines = with_names(std::string(30, 'a'));
    CHECK(one_line.width == two_lines.width);
    CHECK(box_of(two_lines, hairline).top > box_of(one_line, hairline).top + 10);
}

TEST_CASE("plot: labels and legend are inside of the figure, and what is wrong is refused") {
    const Canvas both =
        plot({{"a", {1, 2, 3}}, {"b", {3, NAN, 1}, {}, red, true}}, {.title = "title",
                                                                     .caption = "caption",
                                                                     .x_label = "step",
                                                                     .y_label = "loss",
                                                                     .width = 400,
                                                                     .height = 300});
    CHECK(both.width() == 400 + 2 * 28);
    const Image picture = both.pixels();
    const auto box = box_of(picture);
    CHECK(box.left >= 28);
    CHECK(box.right <= picture.width - 28);
    CHECK(count(picture, curve_color(0)) > 100);

    const Curve values{"a", {1, 9, 2, 8}, {}, red};
    Curve dots = values;
    dots.dots = true;
    CHECK(count(plot({values}, {}).pixels(), red) > 5 * count(plot({dots}, {}).pixels(), red));
    CHECK(count(plot({dots}, {}).pixels(), red) >= 4);
    CHECK_NOTHROW(plot({{"flat", {2, 2, 2}}}, {.log_y = true}));
    CHECK_NOTHROW(plot({{"none", {}}}, {.log_y = true}));
    CHECK_THROWS_AS(plot({{"bad", {1, 2}, {1}}}, {}), Error);
    CHECK_THROWS_AS(plot({values}, {.width = 60, .height = 60}), Error);
}

TEST_CASE("bars are as long as their values, and the marked one has its own colour") {
    const Canvas chart =
        bar_chart({{"whole", 1, "1.0"}, {"a long name that does not fit", 0.5, "0.5", true}},
                  {.width = 400, .name_width = 100, .bar_height = 20});
    const Image picture = chart.pixels();
    const auto whole = box_of(picture, curve_color(0)), half = box_of(picture, curve_color(1));
    CHECK(whole.bottom - whole.top == 20);
    CHECK(whole.left == half.left);
    CHECK(std::abs((whole.right - whole.left) - 2 * (half.right - half.left)) <= 2);
    CHECK(box_of(picture).right <= 400);
    CHECK(box_of(picture).left >= 0);
    CHECK_THROWS_AS(bar_chart({{"a", 1, "1"}}, {.width = 100, .name_width = 90}), Error);
}
