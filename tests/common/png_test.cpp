#include "common/image/png.h"

#include <filesystem>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::image;
using test::has_text;

namespace {

Image gradient(int width, int height) {
    Image image(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            image.set(x, y,
                      {static_cast<std::uint8_t>(x * 5), static_cast<std::uint8_t>(y * 7),
                       static_cast<std::uint8_t>(x * y)});
    return image;
}

}  // namespace

TEST_CASE("PNG: a picture and its texts come back as they were") {
    test::TemporaryFolder folder;
    const Image image = gradient(37, 23);
    const PngText text = {
        {"parameters", "grinning cat\nSteps: 30, Sampler: DDIM, CFG scale: 7.5, Seed: 1"},
        {"Comment", "caf\u00E9 \U0001F431"},
        {"Empty", ""}};
    save_png(folder / "a.png", image, text);
    CHECK(load_image(folder / "a.png") == image);
    CHECK(read_png_text(folder / "a.png") == text);

    save_png(folder / "b.png", image);
    CHECK(read_png_text(folder / "b.png").empty());
}

TEST_CASE("PNG: the chunk is the one that other programs read") {
    // tEXt "parameters" "cat": length, type, data and a CRC computed with Python's zlib.crc32.
    test::TemporaryFolder folder;
    save_png(folder / "a.png", Image(1, 1), {{"parameters", "cat"}});
    const std::string file = io::read_text_file(folder / "a.png");
    CHECK(file.substr(33, 26) == std::string("\0\0\0\x0EtEXtparameters\0cat"
                                             "\x01\x86\x10\xFE",
                                             26));
}

TEST_CASE("PNG: what cannot be written or read is one clear line, and leaves nothing behind") {
    test::TemporaryFolder folder;
    CHECK_THROWS_WITH(save_png(folder / "no/folder/a.png", Image(2, 2)),
                      has_text("a.png: cannot write"));
    CHECK_THROWS_WITH(save_png(folder / "a.png", Image()), has_text("empty picture"));
    CHECK_THROWS_WITH(save_png(folder / "a.png", Image(2, 2), {{"", "x"}}), has_text("keyword"));
    CHECK_THROWS_WITH(save_png(folder / "a.png", Image(2, 2), {{"k", "\xFF"}}), has_text("UTF-8"));
    if (std::filesystem::exists("/dev/full"))
        CHECK_THROWS_WITH(save_png("/dev/full", Image(2, 2)), has_text("No space left on device"));
    CHECK(folder.empty());

    io::write_text_file(folder / "t.png", "no png");
    CHECK_THROWS_WITH(read_png_text(folder / "t.png"), has_text("not a PNG"));
    save_png(folder / "t.png", gradient(30, 30), {{"parameters", "cat"}});
    const std::string whole = io::read_text_file(folder / "t.png");
    io::write_text_file(folder / "t.png", whole.substr(0, 45));
    CHECK_THROWS_WITH(read_png_text(folder / "t.png"), has_text("truncated"));
}
