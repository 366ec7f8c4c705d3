#include "common/image/exif.h"

#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::image;
using test::has_text;

namespace {

/// 24x16, even blocks of 8x8: 0, 60, 120 in the upper row, 160, 200, 250 below.
const std::string jpeg(
    "\xFF\xD8\xFF\xE0\x00\x10\x4A\x46\x49\x46\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xFF\xDB"
    "\x00\x43\x00\x03\x02\x02\x03\x02\x02\x03\x03\x03\x03\x04\x03\x03\x04\x05\x08\x05\x05\x04"
    "\x04\x05\x0A\x07\x07\x06\x08\x0C\x0A\x0C\x0C\x0B\x0A\x0B\x0B\x0D\x0E\x12\x10\x0D\x0E\x11"
    "\x0E\x0B\x0B\x10\x16\x10\x11\x13\x14\x15\x15\x15\x0C\x0F\x17\x18\x16\x14\x18\x12\x14\x15"
    "\x14\xFF\xC0\x00\x0B\x08\x00\x10\x00\x18\x01\x01\x11\x00\xFF\xC4\x00\x16\x00\x01\x01\x01"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x07\x09\xFF\xC4\x00\x14\x10\x01"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xFF\xDA\x00\x08\x01\x01"
    "\x00\x00\x3F\x00\xCA\xA2\x80\xA0\x5A\x96\xB2\x15\xFF\xD9",
    168);

std::string big_endian(unsigned value, int bytes) {
    std::string text;
    while (bytes-- > 0) text += static_cast<char>(value >> 8 * bytes & 0xFF);
    return text;
}

/// The same file with an Exif block whose only entry is the orientation.
std::string noted(int orientation, bool little_endian = false) {
    const auto number = [&](unsigned value, int bytes) {
        const std::string text = big_endian(value, bytes);
        return little_endian ? std::string(text.rbegin(), text.rend()) : text;
    };
    const std::string tiff = (little_endian ? "II" : "MM") + number(42, 2) + number(8, 4) +
                             number(1, 2) + number(0x0112, 2) + number(3, 2) + number(1, 4) +
                             number(static_cast<unsigned>(orientation), 2) + number(0, 2) +
                             number(0, 4);
    const std::string block = std::string("Exif\0\0", 6) + tiff;
    return jpeg.substr(0, 2) + "\xFF\xE1" + big_endian(static_cast<unsigned>(block.size() + 2), 2) +
           block + jpeg.substr(2);
}

int orientation_of(const std::string& file) {
    return exif_orientation(std::as_bytes(std::span(file)));
}

Image load(const std::string& file) {
    const test::TemporaryFolder folder;
    io::write_text_file(folder / "a.jpg", file);
    const Image image = load_image(folder / "a.jpg");
    CHECK(image_extent(folder / "a.jpg") == Extent{image.width, image.height});
    return image;
}

/// The brightness in the middle of the corners: upper left, upper right, lower left, lower right.
std::vector<int> corners(const Image& image) {
    const int right = image.width - 4, bottom = image.height - 4;
    return {image.at(4, 4).r, image.at(right, 4).r, image.at(4, bottom).r,
            image.at(right, bottom).r};
}

}  // namespace

TEST_CASE("exif: the orientation is found in either byte order") {
    CHECK(orientation_of(jpeg) == 1);
    for (int orientation = 1; orientation <= 8; ++orientation)
        for (const bool little_endian : {false, true})
            CHECK(orientation_of(noted(orientation, little_endian)) == orientation);
    CHECK(orientation_of(noted(9)) == 1);
    CHECK(orientation_of(noted(0)) == 1);
}

TEST_CASE("exif: a block that lies or stops is ignored") {
    const std::string file = noted(6);
    for (std::size_t length = 0; length < 60; ++length)
        CHECK((orientation_of(file.substr(0, length)) == 1 ||
               orientation_of(file.substr(0, length)) == 6));
    for (std::size_t at = 0; at < 50; ++at)
        for (const char byte : {'\0', '\x7F', '\xFF'}) {
            std::string broken = file;
            broken[at] = byte;
            const int orientation = orientation_of(broken);
            CHECK((orientation >= 1 && orientation <= 8));
        }
}

TEST_CASE("exif: a picture is shown upright, as PIL's exif_transpose does") {
    // ImageOps.exif_transpose of the same file, four corners
    const std::vector<std::vector<int>> expected = {
        {0, 120, 160, 250}, {120, 0, 250, 160}, {250, 160, 120, 0}, {160, 250, 0, 120},
        {0, 160, 120, 250}, {160, 0, 250, 120}, {250, 120, 160, 0}, {120, 250, 0, 160}};
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const Image image = load(noted(orientation));
        CHECK(image.width == (orientation < 5 ? 24 : 16));
        CHECK(image.height == (orientation < 5 ? 16 : 24));
        const auto found = corners(image);
        for (std::size_t i = 0; i < 4; ++i)
            CHECK(std::abs(found[i] - expected[orientation - 1][i]) <= 2);
    }
}

TEST_CASE("JPEG: a file that ends too early is an error, not a grey picture") {
    const test::TemporaryFolder folder;
    for (std::size_t length = 1; length < jpeg.size(); ++length) {
        io::write_text_file(folder / "a.jpg", jpeg.substr(0, length));
        CHECK_THROWS_WITH(load_image(folder / "a.jpg"), has_text("a.jpg: cannot read the picture"));
    }
    CHECK(load(jpeg).width == 24);
    CHECK(load(jpeg + "what some programs append").width == 24);
}
