#include "common/figures/heat_map.h"

#include <cmath>
#include <limits>
#include <vector>

#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm;
using namespace ldm::figures;
using image::Image;
using image::white, image::black;

namespace {

double lightness(Color c) { return 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b; }

}  // namespace

TEST_CASE("color maps: brightness tells the order of the numbers") {
    for (const ColorMap map : {ColorMap::grey, ColorMap::viridis, ColorMap::magma})
        for (int i = 0; i < 100; ++i)
            CHECK(lightness(map_color(map, static_cast<float>(i) / 100)) <
                  lightness(map_color(map, static_cast<float>(i + 1) / 100)) + 1.0);
    CHECK(map_color(ColorMap::diverging, 0) == white);
    CHECK(map_color(ColorMap::diverging, -1).b > map_color(ColorMap::diverging, -1).r);
    CHECK(map_color(ColorMap::diverging, 1).r > map_color(ColorMap::diverging, 1).b);
}

TEST_CASE("color maps: numbers outside are clamped, NaN is grey") {
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(map_color(ColorMap::viridis, infinity) == map_color(ColorMap::viridis, 1));
    CHECK(map_color(ColorMap::viridis, -3) == map_color(ColorMap::viridis, 0));
    CHECK(map_color(ColorMap::magma, std::nanf("")) == Color{128, 128, 128});
}

TEST_CASE("heat maps: one pixel a value, the range from the values") {
    const std::vector<float> values = {-2, 0, 1, 4, 2, -4};
    const Image signs = heat_map(values, 2, 3, ColorMap::diverging);
    CHECK(signs.width == 3);
    CHECK(signs.at(1, 0) == white);
    CHECK(signs.at(2, 1) == map_color(ColorMap::diverging, -1));
    CHECK(signs.at(0, 0) == map_color(ColorMap::diverging, -0.5f));
    const Image greys = heat_map(values, 2, 3, ColorMap::grey);
    CHECK(greys.at(0, 1) == white);
    CHECK(greys.at(2, 1) == black);
    CHECK_THROWS_AS(heat_map(values, 2, 2, ColorMap::grey), Error);
    CHECK(heat_map(std::vector<float>(4, 3.0f), 2, 2, ColorMap::grey).at(0, 0) == black);
}

TEST_CASE("one channel as colours") {
    const Tensor x = Tensor::from({1, 2, 1, 2}, {0, 0, -1, 1});
    const auto map = channel_map(x, 0, 1, ColorMap::grey, -1, 1);
    CHECK(map.at(0, 0) == image::black);
    CHECK(map.at(1, 0) == image::white);
    CHECK_THROWS_AS(channel_map(x, 0, 2, ColorMap::grey, -1, 1), Error);
}

TEST_CASE("overlay: bright where the weight is high, dim where it is low") {
    const Image picture(40, 20, {200, 180, 160});
    const Image lit = overlay(picture, std::vector<float>{0, 1}, 1, 2);
    CHECK(lit.width == 40);
    CHECK(lightness(lit.at(2, 10)) + 60 < lightness(lit.at(37, 10)));
}
