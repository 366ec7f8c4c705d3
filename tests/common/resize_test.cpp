#include "common/image/resize.h"

#include <cmath>

#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm::image;

namespace {

Image pattern(int width, int height) {
    Image image(width, height);
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
        image.rgb[i] = static_cast<std::uint8_t>((i * 7919 + i * i * 13) % 256);
    return image;
}

}  // namespace

TEST_CASE("resize: the same size is the same picture") {
    const Image image = pattern(13, 7);
    for (const Filter filter : {Filter::nearest, Filter::bilinear, Filter::area})
        CHECK(resize(image, 13, 7, filter) == image);
}

TEST_CASE("resize: area is the mean of what a pixel covers") {
    const Image image = pattern(12, 8);
    const Image half = resize(image, 4, 4, Filter::area);  // 3 x 2 pixels become one
    for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 4; ++x) {
            double sum = 0;
            for (int v = 0; v < 2; ++v)
                for (int u = 0; u < 3; ++u) sum += image.at(3 * x + u, 2 * y + v).g;
            CHECK(std::abs(half.at(x, y).g - sum / 6) <= 0.5 + 1e-3);
        }

    // 3 pixels to 2: the middle one is shared.
    Image row(3, 1);
    row.set(0, 0, {0, 0, 0});
    row.set(1, 0, {90, 90, 90});
    row.set(2, 0, {240, 240, 240});
    const Image two = resize(row, 2, 1, Filter::area);
    CHECK(two.at(0, 0).r == 30);
    CHECK(two.at(1, 0).r == 190);
}

TEST_CASE("resize: nearest enlarges to blocks, bilinear to a ramp") {
    Image row(2, 1);
    row.set(0, 0, {0, 0, 0});
    row.set(1, 0, {100, 100, 100});
    const Image blocks = resize(row, 6, 2, Filter::nearest);
    for (int x = 0; x < 6; ++x) CHECK(blocks.at(x, 1).r == (x < 3 ? 0 : 100));
    const Image ramp = resize(row, 4, 1, Filter::bilinear);
    const int expected[] = {0, 25, 75, 100};
    for (int x = 0; x < 4; ++x) CHECK(ramp.at(x, 0).r == expected[x]);
}

TEST_CASE("resize: an even surface stays even at any size") {
    const Image grey(17, 11, {77, 78, 79});
    for (const Filter filter : {Filter::nearest, Filter::bilinear, Filter::area})
        for (const int size : {1, 2, 5, 16, 18, 40})
            CHECK(resize(grey, size, size + 1, filter) == Image(size, size + 1, {77, 78, 79}));
    CHECK_THROWS_AS(resize(grey, 0, 4, Filter::area), ldm::Error);
}
