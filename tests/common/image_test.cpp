#include "common/image/image.h"

#include <string>

#include "common/error.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::image;
using test::has_text;

TEST_CASE("Image: pixels are where they were put") {
    Image image(3, 2, {1, 2, 3});
    image.set(2, 1, {7, 8, 9});
    CHECK(image.rgb.size() == 18);
    CHECK(image.at(0, 0) == Color{1, 2, 3});
    CHECK(image.at(2, 1) == Color{7, 8, 9});
    CHECK(image.rgb[15] == 7);
    CHECK_THROWS_AS(Image(-1, 2), Error);
}

TEST_CASE("Image: a file that is no picture is one clear line") {
    test::TemporaryFolder folder;
    const auto path = folder / "picture.png";
    CHECK_THROWS_WITH(load_image(path), has_text("picture.png: cannot open"));
    io::write_text_file(path, "");
    CHECK_THROWS_WITH(load_image(path),
                      has_text("picture.png: cannot read the picture: the file is empty"));
    io::write_text_file(path, "certainly no picture");
    CHECK_THROWS_WITH(load_image(path), has_text("cannot read the picture"));

    save_png(path, Image(20, 20, {9, 9, 9}));
    const std::string whole = io::read_text_file(path);
    for (const std::size_t length : {10, 30, 50}) {
        io::write_text_file(path, whole.substr(0, length));
        CHECK_THROWS_AS(load_image(path), Error);
    }
    // A header that claims 50000 x 1000 or 65536 x 65536 pixels must not ask for the memory.
    std::string huge = whole;
    huge.replace(16, 8, std::string("\0\0\xC3\x50\0\0\x03\xE8", 8));
    io::write_text_file(path, huge);
    CHECK_THROWS_WITH(load_image(path), has_text("50000x1000 is larger than"));
    huge.replace(16, 8, std::string("\0\1\0\0\0\1\0\0", 8));
    io::write_text_file(path, huge);
    CHECK_THROWS_AS(load_image(path), Error);
}

TEST_CASE("Image: what is transparent lies on white") {
    // A PNG of three pixels: red, invisible blue, half visible black.
    const std::string png(
        "\x89\x50\x4E\x47\x0D\x0A\x1A\x0A\x00\x00\x00\x0D\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00"
        "\x00\x01\x08\x06\x00\x00\x00\x1B\xE0\x14\xB4\x00\x00\x00\x10\x49\x44\x41\x54\x78\xDA\x63"
        "\xF8\xCF\xC0\x00\x41\x0C\x0C\x0D\x00\x1B\x72\x03\x7E\x9B\x68\x3C\x4F\x00\x00\x00\x00\x49"
        "\x45\x4E\x44\xAE\x42\x60\x82",
        73);
    test::TemporaryFolder folder;
    io::write_text_file(folder / "a.png", png);
    const Image image = load_image(folder / "a.png");
    REQUIRE(image.width == 3);
    REQUIRE(image.height == 1);
    CHECK(image.at(0, 0) == Color{255, 0, 0});
    CHECK(image.at(1, 0) == white);
    CHECK(image.at(2, 0) == Color{127, 127, 127});
}
