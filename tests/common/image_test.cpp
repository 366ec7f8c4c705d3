#include "common/image/image.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::image;
using test::has_text;
namespace fs = std::filesystem;

namespace {

const fs::path pictures = LDM_SOURCE_DIR "/tests/common/pictures";

/// Bytes with zeros in them, from a literal.
template <std::size_t n>
std::string bytes(const char (&literal)[n]) {
    return {literal, n - 1};
}

/// The largest difference of two pictures of one size, of all channels.
int difference(const Image& a, const Image& b) {
    if (a.width != b.width || a.height != b.height) return 1000;
    int largest = 0;
    for (std::size_t i = 0; i < a.rgb.size(); ++i)
        largest = std::max(largest, std::abs(a.rgb[i] - b.rgb[i]));
    return largest;
}

/// What both readers say about a file with these bytes: the same sentence.
std::string trouble(const std::string& file) {
    const test::TemporaryFolder folder;
    const auto path = folder / "picture.png";
    io::write_text_file(path, file);
    const auto message = [&](const auto& read) -> std::string {
        try {
            static_cast<void>(read(path));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    CHECK(message(image_extent) == message(load_image));
    return message(load_image);
}

}  // namespace

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

TEST_CASE("Image: every kind of PNG, JPEG and BMP is read as PIL reads it") {
    // and the pictures the test expects: see make.py there
    constexpr std::string_view ending = ".expected.png";
    int read = 0;
    for (const auto& entry : fs::directory_iterator(pictures)) {
        const std::string name = entry.path().filename().string();
        if (!name.ends_with(ending)) continue;
        const fs::path path = pictures / name.substr(0, name.size() - ending.size());
        INFO(path.string());
        const Image image = load_image(path), expected = load_image(entry.path());
        CHECK(image_extent(path) == Extent{13, 11});
        // CMYK is turned to RGB from rounded inks
        CHECK(difference(image, expected) <= (path.extension() == ".jpg" ? 1 : 0));
        ++read;
    }
    CHECK(read == 19);
}

TEST_CASE("Image: what the file is, its bytes say") {
    const test::TemporaryFolder folder;
    save_png(folder / "a.jpg", Image(5, 4, {1, 2, 3}));
    CHECK(load_image(folder / "a.jpg").at(4, 3) == Color{1, 2, 3});
    fs::copy_file(pictures / "rgb.bmp", folder / "b.png");
    CHECK(image_extent(folder / "b.png") == Extent{13, 11});

    CHECK_THAT(trouble("GIF89a....."), has_text("it is a GIF; convert it to PNG or JPEG"));
    CHECK_THAT(trouble(bytes("RIFF\x24\0\0\0WEBPVP8 ")), has_text("it is a WebP picture; convert"));
    CHECK_THAT(trouble(bytes("\0\0\0\x1C"
                             "ftypavif")),
               has_text("it is an AVIF picture"));
    CHECK_THAT(trouble(bytes("MM\0*\0\0\0\x08")), has_text("it is a TIFF"));
    CHECK_THAT(trouble("8BPS...."), has_text("it is a Photoshop picture"));
    CHECK_THAT(trouble("P6 2 2 255 ............"), has_text("it is a PPM"));
    CHECK_THAT(trouble("<!DOCTYPE html><title>404"), has_text("it is a web page"));
    CHECK_THAT(trouble("hello"), has_text("it is no PNG, JPEG or BMP"));
    CHECK_THAT(trouble("G"), has_text("it is no PNG, JPEG or BMP"));
}

TEST_CASE("Image: files that broke other decoders are refused or read, and nothing else happens") {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(pictures / "hostile")) {
        INFO(entry.path().string());
        ++files;
        try {
            const Image image = load_image(entry.path());
            CHECK(image_extent(entry.path()) == Extent{image.width, image.height});
        } catch (const Error& error) {
            CHECK_THAT(error.what(), has_text(": cannot read the picture: "));
        }
    }
    CHECK(files == 21);
    CHECK_THROWS_WITH(load_image(pictures / "hostile/pnm_crash.png"), has_text("it is a PGM"));
    CHECK_THROWS_WITH(load_image(pictures / "hostile/hdr_endless_loop.png"),
                      has_text("it is a Radiance HDR picture"));
    CHECK_THROWS_WITH(load_image(pictures / "hostile/jpeg_huffman.jpg"), has_text("damaged"));
}

TEST_CASE("Image: a header that promises too much is refused before memory is asked for") {
    // PNG: 16000 x 16000, and 8000 x 8000 (64 million) that a short file cannot hold
    const auto png = [](const std::string& size) {
        return bytes("\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR") + size + bytes("\x08\x02\0\0\0....");
    };
    const std::string sixteen_thousand = bytes("\0\0\x3E\x80"),
                      eight_thousand = bytes("\0\0\x1F\x40");
    CHECK_THAT(trouble(png(sixteen_thousand + sixteen_thousand)),
               has_text("16000x16000 is more than 64 million pixels"));
    const test::TemporaryFolder folder;
    io::write_text_file(folder / "a.png", png(eight_thousand + eight_thousand));
    CHECK(image_extent(folder / "a.png") == Extent{8000, 8000});
    CHECK_THROWS_WITH(load_image(folder / "a.png"), has_text("33 bytes cannot hold 8000x8000"));

    // JPEG: the same in its frame header
    const std::string jpeg = io::read_text_file(pictures / "grey.jpg");
    const std::size_t frame = jpeg.find("\xFF\xC0");
    REQUIRE(frame != jpeg.npos);
    std::string large = jpeg;
    large.replace(frame + 5, 4, bytes("\x3E\x80\x3E\x80"));
    CHECK_THAT(trouble(large), has_text("16000x16000 is more than 64 million pixels"));
    large.replace(frame + 5, 4, bytes("\0\x10\x90\0"));
    CHECK_THAT(trouble(large), has_text("36864x16 is larger than 32768 on a side"));

    // BMP: 54 bytes that promised 16000 x 16000
    const std::string bmp = io::read_text_file(pictures / "rgb.bmp").substr(0, 54);
    std::string wide = bmp;
    wide.replace(18, 8, bytes("\x80\x3E\0\0\x80\x3E\0\0"));
    CHECK_THAT(trouble(wide), has_text("16000x16000 is more than 64 million pixels"));
    CHECK_THAT(trouble(bmp), has_text("54 bytes cannot hold 13x11 pixels"));
}

TEST_CASE("Image: a file of more than a gigabyte is no picture") {
    const test::TemporaryFolder folder;
    save_png(folder / "a.png", Image(1, 1));
    // takes no room on the disk
    fs::resize_file(folder / "a.png", std::uintmax_t{2} << 30);
    CHECK_THROWS_WITH(load_image(folder / "a.png"), has_text("the file is larger than 1 GiB"));
    CHECK_THROWS_WITH(read_png_text(folder / "a.png"), has_text("at most 1073741824 are read"));
}

TEST_CASE("Image: what is cut short or changed is an error or a picture of the same size") {
    const test::TemporaryFolder folder;
    for (const char* name : {"rgb.jpg", "progressive.jpg", "cmyk.jpg", "interlaced.png",
                             "palette_with_transparency.png", "rgb.bmp", "grey.bmp"}) {
        const std::string whole = io::read_text_file(pictures / name);
        // rows of a BMP are padded at their end, by at most 3 bytes
        const std::size_t needed = whole.size() - (std::string_view(name).ends_with("bmp") ? 3 : 0);
        for (std::size_t length = 0; length < needed; length += 1 + length / 100) {
            INFO(name << " of " << length << " bytes");
            io::write_text_file(folder / "a", whole.substr(0, length));
            CHECK_THROWS_AS(load_image(folder / "a"), Error);
        }
        for (std::size_t at = 0; at < whole.size(); at += 3) {
            std::string changed = whole;
            changed[at] = static_cast<char>(~changed[at]);
            io::write_text_file(folder / "a", changed);
            try {
                const Image image = load_image(folder / "a");
                CHECK(image_extent(folder / "a") == Extent{image.width, image.height});
            } catch (const Error& refusal) {
                CHECK_FALSE(std::string_view(refusal.what()).empty());
            }
        }
    }
}

TEST_CASE("Image: a progressive JPEG with thousands of scans takes no time") {
    const std::string jpeg = io::read_text_file(pictures / "progressive.jpg");
    // the first scan again and again, up to the Huffman table of the second
    const std::size_t scan = jpeg.find("\xFF\xDA"), next = jpeg.find("\xFF\xC4", scan);
    REQUIRE(next != jpeg.npos);
    std::string many = jpeg.substr(0, next);
    for (int i = 0; i < 5000; ++i) many += jpeg.substr(scan, next - scan);
    many += jpeg.substr(next);
    const test::TemporaryFolder folder;
    io::write_text_file(folder / "a.jpg", many);
    CHECK_THROWS_WITH(load_image(folder / "a.jpg"), has_text("more than 100 scans"));
}

TEST_CASE("Image: the palette of a BMP has every colour that is used") {
    const std::string grey = io::read_text_file(pictures / "grey.bmp");
    // 2 colours only, the pixels right behind them; then pixels that use no more
    std::string two = grey.substr(0, 62) + std::string(16 * 11, '\1');
    two.replace(10, 4, bytes("\x3E\0\0\0"));
    const test::TemporaryFolder folder;
    io::write_text_file(folder / "a.bmp", two);
    CHECK(load_image(folder / "a.bmp").at(12, 10) == Color{1, 1, 1});
    two.back() = '\7';
    two[two.size() - 16] = '\7';
    io::write_text_file(folder / "a.bmp", two);
    CHECK_THROWS_WITH(load_image(folder / "a.bmp"), has_text("not in its palette"));
}

TEST_CASE("Image: a pipe is refused at once, nobody has to write into it") {
    const test::TemporaryFolder folder;
    const auto pipe = folder / "a.png";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_THROWS_WITH(load_image(pipe), has_text("a.png: not a regular file"));
    CHECK_THROWS_WITH(image_extent(pipe), has_text("not a regular file"));
    fs::create_symlink("loop", folder / "loop");
    CHECK_THROWS_WITH(load_image(folder / "loop"), has_text("Too many levels of symbolic links"));
}

TEST_CASE("Image: how opaque each pixel of a file is") {
    // as tests/common/pictures/make.py paints them, 13 x 11
    const auto alpha_is = [](const char* name, const auto& wanted) {
        const auto alpha = load_alpha(pictures / name);
        REQUIRE(alpha.size() == 143);
        int different = 0;
        for (int y = 0; y < 11; ++y)
            for (int x = 0; x < 13; ++x) different += alpha[13 * y + x] != wanted(x, y);
        INFO(name);
        CHECK(different == 0);
    };
    const auto rising = [](int x, int) { return 20 * x % 256; };
    alpha_is("rgba.png", rising);
    alpha_is("grey_with_alpha.png", rising);
    alpha_is("interlaced_rgba_16_bits.png", [](int x, int) { return 19 * x; });
    // one colour, which only this pixel has
    alpha_is("transparent_color.png", [](int x, int y) { return x == 1 && y == 1 ? 0 : 255; });
    for (const char* name : {"rgb_16_bits.png", "grey.png", "palette.png", "rgb.jpg", "rgb.bmp"})
        alpha_is(name, [](int, int) { return 255; });
    CHECK_THROWS_WITH(load_alpha(pictures / "make.py"), has_text("it is no PNG, JPEG or BMP"));
    CHECK_THROWS_WITH(load_alpha(pictures / "none.png"), has_text("none.png: cannot open"));
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
