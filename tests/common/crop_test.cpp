#include "common/image/crop.h"

#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm::image;

namespace {

/// Every pixel knows where it is.
Image coordinates(int width, int height) {
    Image image(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            image.set(x, y, {static_cast<std::uint8_t>(x), static_cast<std::uint8_t>(y), 7});
    return image;
}

}  // namespace

TEST_CASE("crop: the part that was asked for") {
    const Image image = coordinates(9, 5);
    CHECK(crop(image, 0, 0, 9, 5) == image);
    const Image part = crop(image, 3, 1, 4, 3);
    REQUIRE(part.width == 4);
    REQUIRE(part.height == 3);
    for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 4; ++x) CHECK(part.at(x, y) == image.at(x + 3, y + 1));
    CHECK(crop(image, 8, 4, 1, 1).at(0, 0) == Color{8, 4, 7});
    CHECK_THROWS_AS(crop(image, 6, 0, 4, 1), ldm::Error);
    CHECK_THROWS_AS(crop(image, 0, 3, 1, 3), ldm::Error);
    CHECK_THROWS_AS(crop(image, -1, 0, 2, 2), ldm::Error);
    CHECK_THROWS_AS(crop(image, 0, 0, 0, 2), ldm::Error);
}

TEST_CASE("mirror: left and right change places, twice is nothing") {
    const Image image = coordinates(5, 3), mirrored = mirror(image);
    for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 5; ++x) CHECK(mirrored.at(x, y) == image.at(4 - x, y));
    CHECK(mirror(mirrored) == image);
}
