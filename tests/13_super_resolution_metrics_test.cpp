#include <cmath>
#include <limits>

#include "chapters/13_super_resolution/metrics.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "chapters/13_super_resolution/ycbcr.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::super_resolution;
using image::Image;
using test::close;
using test::has_text;

namespace {

/// Numbers in [0, 1] that look random.
Tensor picture(std::int64_t height, std::int64_t width, int seed) {
    return ops::clamp(test::noise({1, 3, height, width}, seed, 0.2f) + 0.5f, 0, 1);
}

Image all_colors() {
    Image result(64, 64);
    for (int y = 0; y < 64; ++y)
        for (int x = 0; x < 64; ++x)
            result.set(x, y,
                       {static_cast<std::uint8_t>(4 * x), static_cast<std::uint8_t>(4 * y),
                        static_cast<std::uint8_t>(2 * (x + y))});
    return result;
}

}  // namespace

TEST_CASE("numbers become the nearest byte, halves the even one") {
    const Tensor x =
        Tensor::from({1, 3, 1, 2}, {0.5f / 255, 1.5f / 255, -1, 2, 100.4f / 255, 0.5f});
    Image expected(2, 1);
    expected.set(0, 0, {0, 0, 100});
    // 127.5 becomes 128
    expected.set(1, 0, {2, 255, 128});
    CHECK(to_bytes(x) == expected);
    const Image bytes = all_colors();
    CHECK(to_bytes(image::to_unit_tensor(bytes)) == bytes);
    CHECK_THROWS_WITH(to_bytes(Tensor::zeros({2, 3, 4, 4})),
                      has_text("expected a picture [1, 3, H, W]"));
}

TEST_CASE("the PSNR of a difference that is the same everywhere") {
    const Tensor a = picture(9, 7, 1);
    CHECK(psnr(a, a) == std::numeric_limits<double>::infinity());
    CHECK(psnr(a, a + 0.1f) == Approx(20).epsilon(1e-5));
    CHECK(psnr(a, a + -0.01f) == Approx(40).epsilon(1e-4));
    // one byte
    CHECK(psnr(a, a + 1.0f / 255) == Approx(20 * std::log10(255.0)).epsilon(1e-4));
    CHECK(psnr(a, a + 0.1f) == psnr(a + 0.1f, a));
}

TEST_CASE("a border is not counted") {
    const Tensor a = picture(20, 18, 2);
    Tensor b = a + 0.0f;
    for (std::int64_t i = 0; i < b.size(); ++i) {
        const auto x = i % 18, y = i / 18 % 20;
        const bool edge = x < 3 || y < 3 || x >= 15 || y >= 17;
        b.data()[i] += edge ? 0.5f : 0.01f;
    }
    CHECK(psnr(a, b) < 15);
    CHECK(psnr(a, b, 3) == Approx(40).epsilon(1e-4));
    CHECK(psnr(a, b, 2) < 30);
    CHECK(ssim(a, b, 3) > 0.99);
    CHECK(ssim(a, b) < 0.95);
}

TEST_CASE("the SSIM of a picture with itself is 1, and with another one less") {
    const Tensor a = picture(14, 16, 3), b = picture(14, 16, 4);
    CHECK(ssim(a, a) == Approx(1).epsilon(1e-12));
    CHECK(ssim(a, b) < 0.2);
    CHECK(ssim(a, b) == Approx(ssim(b, a)).epsilon(1e-12));
    // contrast, brightness
    CHECK(ssim(a, 0.8f * a + 0.1f) < 1);
    CHECK(ssim(a, 0.8f * a + 0.1f) > ssim(a, 0.4f * a + 0.3f));
    // a negative has no structure in common: its covariance is below 0
    CHECK(ssim(a, -a + 1.0f) < 0);
}

TEST_CASE("the SSIM of two surfaces without shape is that of their means") {
    const Tensor a = Tensor::full({1, 3, 11, 11}, 0.5f), b = Tensor::full({1, 3, 11, 11}, 0.25f);
    const double c1 = 1e-4;
    CHECK(ssim(a, b) == Approx((2 * 0.5 * 0.25 + c1) / (0.25 + 0.0625 + c1)));
}

TEST_CASE("pictures that cannot be compared are one clear line") {
    const Tensor a = picture(10, 12, 5);
    CHECK_THROWS_WITH(ssim(a, a),
                      "Pictures of 12x10 pixels without 0 at each edge cannot be compared: at "
                      "least 11 in each direction are needed");
    CHECK_THROWS_WITH(psnr(a, a, 5), has_text("without 5 at each edge"));
    CHECK_THROWS_AS(psnr(a, a, -1), Error);
    CHECK_THROWS_AS(psnr(a, picture(12, 10, 5)), Error);
    CHECK_THROWS_AS(ssim(a, picture(12, 10, 5)), Error);
}

TEST_CASE("YCbCr of colours that are known") {
    Image picture(3, 1);
    picture.set(0, 0, {255, 255, 255});
    picture.set(1, 0, {0, 0, 0});
    picture.set(2, 0, {255, 0, 0});
    const Image ycbcr = rgb_to_ycbcr(picture);
    // white and black are the ends of Y, and have no colour
    CHECK(ycbcr.at(0, 0) == image::Color{235, 128, 128});
    CHECK(ycbcr.at(1, 0) == image::Color{16, 128, 128});
    CHECK(ycbcr.at(2, 0) == image::Color{81, 90, 240});
    CHECK(luma(picture) == std::vector<std::uint8_t>{235, 16, 81});
    // of blue 24.966 + 16
    CHECK(luma(swap_red_and_blue(picture)) == std::vector<std::uint8_t>{235, 16, 41});
    CHECK(swap_red_and_blue(picture).at(2, 0) == image::Color{0, 0, 255});
}

TEST_CASE("YCbCr and back is the picture again") {
    const Tensor x = image::to_unit_tensor(all_colors());
    const Tensor ycbcr = rgb_to_ycbcr(x);
    CHECK(close(ycbcr_to_rgb(ycbcr), x, 1e-4) == "");
    CHECK(close(luma(x), ops::slice(ycbcr, 1, 0, 1), 0) == "");
    for (std::int64_t i = 0; i < 64 * 64; ++i) {
        CHECK(ycbcr.data()[i] >= 15.99f / 255);
        CHECK(ycbcr.data()[i] <= 235.01f / 255);
    }
    // a batch is its pictures
    CHECK(close(rgb_to_ycbcr(ops::concat({x, x}, 0)), ops::concat({ycbcr, ycbcr}, 0), 0) == "");
    CHECK_THROWS_AS(rgb_to_ycbcr(Tensor::zeros({1, 1, 2, 2})), Error);

    // in bytes, what is beyond their range wraps around; to_bytes clamps it
    Image bright(1, 1);
    bright.set(0, 0, {240, 100, 128});
    const Image clamped = to_bytes(ycbcr_to_rgb(image::to_unit_tensor(bright)));
    const Image wrapped = ycbcr_to_rgb_wrapped(bright);
    CHECK(clamped.at(0, 0).r == 255);
    CHECK(wrapped.at(0, 0).r < 20);
    CHECK(clamped.at(0, 0).b == wrapped.at(0, 0).b);
}
