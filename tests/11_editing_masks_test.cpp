#include <cmath>

#include "chapters/11_editing/masks.h"
#include "common/image/png.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::editing;
using image::Color;
using image::Extent;
using image::Image;
using test::close;
using test::has_text;

namespace {

Tensor mask(std::int64_t height, std::int64_t width, std::initializer_list<float> values) {
    return Tensor::from({1, 1, height, width}, values);
}

/// 1 in a rectangle, 0 around it.
Tensor rectangle(int height, int width, Region drawn) {
    Tensor m = Tensor::zeros({1, 1, height, width});
    for (int y = drawn.y; y < drawn.y + drawn.height; ++y)
        for (int x = drawn.x; x < drawn.x + drawn.width; ++x) m.data()[y * width + x] = 1.0f;
    return m;
}

Image stripes(int width, int height) {
    Image picture(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            picture.set(x, y,
                        {static_cast<std::uint8_t>(20 * x), static_cast<std::uint8_t>(30 * y),
                         static_cast<std::uint8_t>(255 - 10 * x)});
    return picture;
}

}  // namespace

TEST_CASE("make_inpaint_batch: the mask has two values, and the picture is black where it is 1") {
    Image picture(2, 1);
    picture.set(0, 0, {255, 0, 51});
    picture.set(1, 0, {255, 0, 51});
    const InpaintBatch batch = make_inpaint_batch(picture, mask(1, 2, {0.49f, 0.5f}));
    CHECK(close(batch.mask, mask(1, 2, {-1, 1}), 0) == "");
    const float third = 2 * 51 / 255.0f - 1;
    CHECK(close(batch.image, Tensor::from({1, 3, 1, 2}, {1, 1, -1, -1, third, third}), 1e-7) == "");
    CHECK(close(batch.masked_image, Tensor::from({1, 3, 1, 2}, {1, -1, -1, -1, third, -1}), 1e-7) ==
          "");
    CHECK_THROWS_WITH(make_inpaint_batch(picture, mask(1, 3, {0, 0, 1})),
                      has_text("The mask is 3x1 and the picture 2x1; make the mask as large"));
}

TEST_CASE("resize_nearest takes pixel floor(i in / out)") {
    const Tensor x = mask(2, 3, {1, 2, 3, 4, 5, 6});
    CHECK(close(resize_nearest(x, 1, 2), mask(1, 2, {1, 2}), 0) == "");
    CHECK(close(resize_nearest(x, 3, 4), mask(3, 4, {1, 1, 2, 3, 1, 1, 2, 3, 4, 4, 5, 6}), 0) ==
          "");
    CHECK(close(resize_nearest(x, 2, 3), x, 0) == "");
}

TEST_CASE("a mask in black and white: white is drawn") {
    Image picture(4, 1);
    picture.set(0, 0, image::white);
    picture.set(1, 0, image::black);
    picture.set(2, 0, {255, 0, 0});
    picture.set(3, 0, {10, 200, 30});
    // PIL: Image.convert("L")
    const Tensor expected = mask(1, 4, {1, 0, 76 / 255.0f, 124 / 255.0f});
    CHECK(close(mask_of(picture), expected, 0) == "");

    const test::TemporaryFolder folder;
    image::save_png(folder / "mask.png", picture);
    CHECK(close(load_mask(folder / "mask.png"), expected, 0) == "");
}

TEST_CASE("a mask with transparency: what is transparent is drawn, whatever its colour") {
    // 13 x 11 pixels, alpha 20 x (tests/common/pictures/make.py)
    const Tensor m = load_mask(LDM_SOURCE_DIR "/tests/common/pictures/rgba.png");
    Tensor expected({1, 1, 11, 13});
    for (std::int64_t i = 0; i < 143; ++i)
        expected.data()[i] = static_cast<float>(255 - 20 * (i % 13)) / 255.0f;
    CHECK(close(m, expected, 0) == "");
}

TEST_CASE("an inverted mask draws what was kept") {
    const Tensor m = mask(1, 3, {0, 0.25f, 1});
    CHECK(close(inverted(m), mask(1, 3, {1, 0.75f, 0}), 0) == "");
    CHECK(close(inverted(inverted(m)), m, 0) == "");
    CHECK(close(binary(mask(1, 3, {0.2f, 0.5f, 0.9f})), mask(1, 3, {0, 1, 1}), 0) == "");
}

TEST_CASE("a feathered mask is the mask convolved with a normal distribution") {
    const double sigma = 1.6;
    // radius int(2.5 * 1.6 + 0.5) = 4
    const Tensor point = rectangle(11, 13, {6, 5, 1, 1});
    const Tensor soft = feathered(point, sigma);
    double sum = 0;
    for (int d = -4; d <= 4; ++d) sum += std::exp(-d * d / (2 * sigma * sigma));
    for (int y = 0; y < 11; ++y)
        for (int x = 0; x < 13; ++x) {
            const int dy = y - 5, dx = x - 6;
            const bool inside = std::abs(dy) <= 4 && std::abs(dx) <= 4;
            const double wanted =
                inside ? std::exp(-(dy * dy + dx * dx) / (2 * sigma * sigma)) / (sum * sum) : 0;
            CHECK(soft.data()[y * 13 + x] == Approx(wanted).margin(1e-7));
        }
    // edges are mirrored: what is the same everywhere stays, also where the mask is narrow
    for (const double wide : {0.3, 4.0, 40.0}) {
        const Tensor full = Tensor::full({1, 1, 3, 5}, 1.0f);
        CHECK(close(feathered(full, wide), full, 1e-6) == "");
    }
    CHECK(close(feathered(mask(1, 1, {0.5f}), 3), mask(1, 1, {0.5f}), 1e-7) == "");
    CHECK(close(feathered(point, 0), point, 0) == "");
    CHECK_THROWS_WITH(feathered(point, -1), has_text("choose one from 0 to 256"));
    CHECK_THROWS_AS(feathered(point, std::nan("")), Error);
}

TEST_CASE("a mask that cannot be used is one clear line") {
    CHECK_NOTHROW(expect_usable_mask(mask(1, 2, {0, 0.5f}), {2, 1}));
    CHECK_THROWS_WITH(expect_usable_mask(mask(1, 2, {0, 0.49f}), {2, 1}),
                      "The mask is empty: paint white, or make transparent, what is to be drawn "
                      "anew");
    CHECK_THROWS_WITH(expect_usable_mask(mask(1, 2, {0, 1}), {20, 10}),
                      "The mask is 2x1 and the picture 20x10; make the mask as large as the "
                      "picture");
    CHECK_THROWS_AS(expect_usable_mask(Tensor::zeros({1, 3, 1, 2}), {2, 1}), Error);
}

TEST_CASE("the region around a mask") {
    const RegionOptions bare{.padding = 0, .drawn_as = {1, 1}};
    // as wide as high already
    CHECK(region_around(rectangle(50, 60, {20, 10, 8, 8}), bare) == Region{20, 10, 8, 8});
    // any number that is not 0 belongs to it
    Tensor faint = rectangle(50, 60, {20, 10, 8, 8});
    faint.data()[60 * 12 + 30] = 0.01f;
    CHECK(region_around(faint, bare) == Region{20, 9, 11, 11});

    SECTION("padding ends at the edges") {
        CHECK(region_around(rectangle(50, 60, {20, 10, 8, 8}),
                            {.padding = 5, .drawn_as = {1, 1}}) == Region{15, 5, 18, 18});
        CHECK(region_around(rectangle(50, 60, {0, 10, 8, 8}), {.padding = 5, .drawn_as = {1, 1}}) ==
              Region{0, 5, 18, 18});
    }
    SECTION("it grows to the ratio, on both sides, and moves away from the edges") {
        const Extent wide{768, 512}, high{512, 768};
        const Tensor middle = rectangle(50, 60, {20, 20, 8, 8});
        CHECK(region_around(middle, {.padding = 0, .drawn_as = wide}) == Region{18, 20, 12, 8});
        CHECK(region_around(middle, {.padding = 0, .drawn_as = high}) == Region{20, 18, 8, 12});
        const Tensor corner = rectangle(50, 60, {52, 42, 8, 8});
        CHECK(region_around(corner, {.padding = 0, .drawn_as = wide}) == Region{48, 42, 12, 8});
        CHECK(region_around(corner, {.padding = 0, .drawn_as = high}) == Region{52, 38, 8, 12});
    }
    SECTION("it grows to multiples, where the picture has so many pixels") {
        const Tensor m = rectangle(50, 60, {20, 20, 9, 9});
        CHECK(region_around(m, {.padding = 0, .drawn_as = {1, 1}, .step = 8}) ==
              Region{17, 17, 16, 16});
        CHECK(region_around(m, {.padding = 0, .drawn_as = {1, 1}, .step = 64}) ==
              Region{0, 0, 60, 50});
    }
    SECTION("it is never larger than the picture") {
        const Tensor all = Tensor::full({1, 1, 30, 40}, 1.0f);
        CHECK(region_around(all, {.padding = 7, .drawn_as = {512, 768}}) == Region{0, 0, 40, 30});
    }
    CHECK_THROWS_WITH(region_around(Tensor::zeros({1, 1, 4, 4}), bare),
                      has_text("The mask is empty: paint white"));
    CHECK_THROWS_AS(region_around(faint, {.padding = -1}), Error);
}

TEST_CASE("what was drawn is pasted through the mask") {
    const Image picture = stripes(12, 8), drawn(4, 3, {200, 100, 0});
    const Region region{5, 2, 4, 3};
    const Tensor nowhere = Tensor::zeros({1, 1, 8, 12}),
                 everywhere = Tensor::full({1, 1, 8, 12}, 1);
    CHECK(pasted(picture, drawn, region, nowhere) == picture);

    const Image whole = pasted(picture, drawn, region, everywhere);
    Tensor half = everywhere;
    half = Tensor::full({1, 1, 8, 12}, 0.25f);
    const Image mixed = pasted(picture, drawn, region, half);
    for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 12; ++x) {
            const bool inside = x >= 5 && x < 9 && y >= 2 && y < 5;
            CHECK(whole.at(x, y) == (inside ? Color{200, 100, 0} : picture.at(x, y)));
            const auto share = [&](int there, int here) {
                return static_cast<std::uint8_t>(std::lround(0.25 * there + 0.75 * here));
            };
            const Color old = picture.at(x, y);
            const Color blend{share(200, old.r), share(100, old.g), share(0, old.b)};
            CHECK(mixed.at(x, y) == (inside ? blend : old));
        }
}

TEST_CASE("a crop that was drawn larger and not changed leaves the picture as it was") {
    Image picture(40, 30, {90, 60, 30});
    for (int y = 0; y < 30; ++y)
        for (int x = 0; x < 20; ++x) picture.set(x, y, {20, 200, 160});
    const Tensor m = rectangle(30, 40, {24, 10, 6, 6});
    const Region region = region_around(m, {.padding = 3, .drawn_as = {24, 24}});
    CHECK(region == Region{21, 7, 12, 12});
    const Image drawn(24, 24, {90, 60, 30});
    CHECK(pasted(picture, drawn, region, feathered(m, 1.5)) == picture);
    CHECK_THROWS_WITH(pasted(picture, drawn, {35, 0, 6, 6}, m), has_text("inside"));
    CHECK_THROWS_WITH(pasted(picture, drawn, region, rectangle(3, 4, {0, 0, 1, 1})),
                      has_text("make the mask as large"));
}
