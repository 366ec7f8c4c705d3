#include <cmath>
#include <map>
#include <set>

#include "chapters/13_super_resolution/bsrgan.h"
#include "chapters/13_super_resolution/convolve.h"
#include "chapters/13_super_resolution/imresize.h"
#include "chapters/13_super_resolution/jpeg_noise.h"
#include "chapters/13_super_resolution/kernels.h"
#include "chapters/13_super_resolution/metrics.h"
#include "chapters/13_super_resolution/poisson.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::super_resolution;
using image::Extent;
using test::close;
using test::has_text;

namespace {

using Planner = Plan (*)(Extent, int, std::uint64_t);
constexpr Planner planners[] = {plan_bsrgan, plan_bsrgan_light, plan_bsrgan_plus};

Tensor picture(std::int64_t height, std::int64_t width) {
    return ops::clamp(test::noise({1, 3, height, width}, 7, 0.2f) + 0.5f, 0, 1);
}

struct Moments {
    double mean, variance;
};

Moments moments_of(std::span<const float> values) {
    double sum = 0, squares = 0;
    for (const float v : values) {
        sum += v;
        squares += static_cast<double>(v) * v;
    }
    const auto n = static_cast<double>(values.size());
    return {sum / n, squares / n - sum * sum / (n * n)};
}

/// Where the kinds of steps stand in a plan.
template <class Kind>
std::vector<Kind> all_of(const Plan& plan) {
    std::vector<Kind> found;
    for (const Step& step : plan.steps)
        if (const Kind* kind = std::get_if<Kind>(&step)) found.push_back(*kind);
    return found;
}

}  // namespace

TEST_CASE("noise has the deviation that it is asked for; gray is the same in all colors") {
    const Tensor grey = Tensor::full({1, 3, 64, 64}, 0.5f);
    const Noise color{.kind = NoiseKind::color, .deviation = 0.05, .seed = 1};
    const Tensor noisy = add_gaussian_noise(grey, color);
    CHECK(moments_of(noisy.values()).mean == Approx(0.5).margin(2e-3));
    CHECK(moments_of(noisy.values()).variance == Approx(0.0025).epsilon(0.05));
    CHECK(close(add_gaussian_noise(grey, color), noisy, 0) == "");

    const Tensor gray =
        add_gaussian_noise(grey, {.kind = NoiseKind::gray, .deviation = 0.05, .seed = 1});
    const auto channels = ops::chunk(gray, 3, 1);
    CHECK(moments_of(gray.values()).variance == Approx(0.0025).epsilon(0.05));
    CHECK(close(channels[0], channels[1], 0) == "");
    CHECK(close(channels[0], channels[2], 0) == "");

    // what leaves [0, 1] is clamped
    const Tensor black = add_gaussian_noise(Tensor::zeros({1, 3, 8, 8}), color);
    for (const float v : black.values()) CHECK(v >= 0);
}

TEST_CASE("correlated noise has the covariance that it is asked for") {
    random::TorchGenerator lots(3);
    for (int i = 0; i < 20; ++i) {
        const auto covariance = random_covariance(0.1, lots);
        for (int r = 0; r < 3; ++r) {
            CHECK(covariance[4 * r] <= 0.01 + 1e-12);
            for (int c = 0; c < 3; ++c) {
                CHECK(covariance[3 * r + c] >= 0);
                CHECK(covariance[3 * r + c] == Approx(covariance[3 * c + r]));
            }
        }
    }
    const auto covariance = random_covariance(0.1, lots);
    const Tensor noisy =
        add_gaussian_noise(Tensor::full({1, 3, 128, 128}, 0.5f),
                           {.kind = NoiseKind::correlated, .covariance = covariance, .seed = 5});
    const auto channels = ops::chunk(noisy + -0.5f, 3, 1);
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c)
            CHECK(moments_of((channels[r] * channels[c]).values()).mean ==
                  Approx(covariance[3 * r + c]).margin(4e-4));
}

TEST_CASE("speckle grows with the brightness") {
    const Noise noise{.kind = NoiseKind::color, .deviation = 0.05, .seed = 2};
    const Tensor dark = add_speckle_noise(Tensor::full({1, 3, 64, 64}, 0.1f), noise),
                 bright = add_speckle_noise(Tensor::full({1, 3, 64, 64}, 0.7f), noise);
    CHECK(std::sqrt(moments_of(dark.values()).variance) == Approx(0.005).epsilon(0.05));
    CHECK(std::sqrt(moments_of(bright.values()).variance) == Approx(0.035).epsilon(0.05));
    const Tensor black = Tensor::zeros({1, 3, 4, 4});
    CHECK(close(add_speckle_noise(black, noise), black, 0) == "");
}

TEST_CASE("Poisson numbers have the mean, the variance and the probabilities of their mean") {
    random::TorchGenerator lots(4);
    constexpr int draws = 40000;
    for (const double mean : {0.0, 0.3, 4.0, 9.9, 10.0, 37.5, 2000.0}) {
        double sum = 0, squares = 0;
        int at_mode = 0;
        const double mode = std::floor(mean);
        for (int i = 0; i < draws; ++i) {
            const double k = draw_poisson(mean, lots);
            REQUIRE(k >= 0);
            REQUIRE(k == std::floor(k));
            sum += k;
            squares += k * k;
            at_mode += k == mode;
        }
        const double found = sum / draws, deviation = std::sqrt(mean / draws);
        CHECK(std::abs(found - mean) <= 5 * deviation);
        CHECK(squares / draws - found * found == Approx(mean).epsilon(0.06));
        const double expected =
            std::exp(mode * std::log(std::max(mean, 1e-300)) - mean - std::lgamma(mode + 1));
        const double probability = mean == 0 ? 1 : expected;
        CHECK(std::abs(at_mode / double(draws) - probability) <=
              5 * std::sqrt(probability / draws));
    }
}

TEST_CASE("shot noise: counted photons, more of them are less noise") {
    const Tensor grey = Tensor::full({1, 3, 64, 64}, 128 / 255.0f);
    for (const double peak : {100.0, 10000.0}) {
        const Tensor noisy = add_poisson_noise(grey, {.peak = peak, .seed = 6});
        const auto [mean, variance] = moments_of(noisy.values());
        CHECK(mean == Approx(128 / 255.0).epsilon(0.01));
        CHECK(variance == Approx(128 / 255.0 / peak).epsilon(0.06));
        for (const float v : noisy.values())
            CHECK(v * peak == Approx(std::round(v * peak)).epsilon(1e-5));
    }
    const Tensor gray = add_poisson_noise(picture(32, 32), {.peak = 200, .gray = true, .seed = 6});
    const Tensor change = gray - add_poisson_noise(picture(32, 32), {.peak = 1e9, .seed = 1});
    const auto channels = ops::chunk(change, 3, 1);
    // but where something was clamped
    int alike = 0;
    for (int i = 0; i < 1024; ++i)
        alike += std::abs(channels[0].data()[i] - channels[1].data()[i]) < 1e-3f;
    CHECK(alike > 950);
    CHECK_THROWS_AS(add_poisson_noise(grey, {.peak = 0}), Error);
}

TEST_CASE("JPEG noise is less the higher the quality") {
    const Tensor x = picture(24, 40);
    double last = 0;
    for (const int quality : {5, 30, 60, 95}) {
        const Tensor y = add_jpeg_noise(x, quality);
        CHECK(y.shape() == x.shape());
        CHECK(psnr(x, y) > last);
        last = psnr(x, y);
    }
    CHECK_THROWS_WITH(add_jpeg_noise(x, 101), has_text("from 1 to 100"));
}

TEST_CASE("one seed is one degradation, another seed another one") {
    const Tensor x = picture(32, 40);
    for (const Planner planner : planners) {
        std::set<std::string> plans;
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            const Plan plan = planner({40, 32}, 4, seed);
            CHECK(describe(plan) == describe(planner({40, 32}, 4, seed)));
            plans.insert(describe(plan));
            const Tensor low = degrade(x, plan);
            CHECK(low.shape() == Shape{1, 3, 8, 10});
            CHECK(close(degrade(x, plan), low, 0) == "");
            for (const float v : low.values()) CHECK((v >= 0 && v <= 1));
        }
        CHECK(plans.size() == 12);
    }
}

TEST_CASE("a degradation is its steps, one after the other") {
    const Plan plan = plan_bsrgan({32, 32}, 2, 5);
    const Tensor x = picture(32, 32);
    std::vector<Tensor> seen;
    const Tensor y = degrade(x, plan, [&](const Step&, const Tensor& z) { seen.push_back(z); });
    REQUIRE(seen.size() == plan.steps.size());
    CHECK(close(seen.back(), y, 0) == "");
    Tensor by_hand = x;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        by_hand = carry_out(plan.steps[i], by_hand);
        CHECK(close(by_hand, seen[i], 0) == "");
    }
    CHECK_THROWS_WITH(degrade(picture(32, 30), plan),
                      "The plan is for a picture of 32x32 pixels, this one has 30x32");
}

TEST_CASE("each step is what its name says; blurs mirror the picture at its edges") {
    const Tensor x = picture(12, 16);
    const auto blurred = [&](const Tensor& kernel) {
        return convolve(x, kernel, image::Border::mirror);
    };
    CHECK(close(carry_out(Crop{5, 3}, x), ops::slice(ops::slice(x, 2, 0, 3), 3, 0, 5), 0) == "");
    CHECK(close(carry_out(AnisotropicBlur{8, 0.4, 6, 2}, x),
                blurred(anisotropic_gaussian(8, 0.4, 6, 2)), 0) == "");
    CHECK(close(carry_out(IsotropicBlur{7, 1.5}, x), blurred(fspecial_gaussian(7, 1.5)), 0) == "");
    CHECK(close(carry_out(Resize{7, 5, CvFilter::cubic}, x),
                ops::clamp(cv_resize(x, 7, 5, CvFilter::cubic), 0, 1), 0) == "");
    CHECK(close(carry_out(MatlabResize{0.5}, x), ops::clamp(imresize(x, 0.5), 0, 1), 0) == "");
    CHECK(close(carry_out(JpegNoise{40}, x), add_jpeg_noise(x, 40), 0) == "");
    CHECK(close(carry_out(Sharpening{.weight = 1}, x), add_sharpening(x, {.weight = 1}), 0) == "");
    const Noise noise{.deviation = 0.1, .seed = 3};
    CHECK(close(carry_out(GaussianNoise{noise}, x), add_gaussian_noise(x, noise), 0) == "");
    CHECK(close(carry_out(SpeckleNoise{noise}, x), add_speckle_noise(x, noise), 0) == "");
    CHECK(close(carry_out(PoissonNoise{.peak = 90, .seed = 3}, x),
                add_poisson_noise(x, {.peak = 90, .seed = 3}), 0) == "");
    CHECK_THROWS_AS(carry_out(Crop{17, 3}, x), Error);
}

TEST_CASE(
    "a blur with a stride keeps what has no shape, however much of the kernel is moved away") {
    const Tensor flat = Tensor::full({1, 3, 10, 14}, 0.4f);
    for (const int stride : {2, 3, 12})
        CHECK(close(carry_out(BlurAndStride{4, stride}, flat),
                    Tensor::full({1, 3, (9 + stride) / stride, (13 + stride) / stride}, 0.4f),
                    1e-6) == "");
    // a narrow one is the mean of the pixels in the middle of a block
    const Tensor x = picture(12, 16);
    const Tensor small = carry_out(BlurAndStride{1e-3, 2}, x);
    for (int c = 0; c < 3; ++c)
        for (int i = 0; i < 6; ++i)
            for (int j = 0; j < 8; ++j) {
                const float* block = x.data() + 192 * c + 16 * 2 * i + 2 * j;
                CHECK(small.data()[48 * c + 8 * i + j] ==
                      Approx((block[0] + block[1] + block[16] + block[17]) / 4));
            }
}

TEST_CASE("what bsrgan draws by lot lies within the paper's limits") {
    int halved = 0, jpegs = 0, strided = 0;
    std::map<NoiseKind, int> kinds;
    std::set<std::size_t> blur_places;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const Plan plan = plan_bsrgan({64, 48}, 4, seed);
        const auto isotropic = all_of<IsotropicBlur>(plan);
        const auto anisotropic = all_of<AnisotropicBlur>(plan);
        CHECK(isotropic.size() + anisotropic.size() == 2);
        for (const IsotropicBlur& blur : isotropic) {
            CHECK((blur.size >= 7 && blur.size <= 25 && blur.size % 2 == 1));
            CHECK((blur.sigma > 0 && blur.sigma <= 2.8));
        }
        for (const AnisotropicBlur& blur : anisotropic) {
            CHECK((blur.size >= 7 && blur.size <= 25 && blur.size % 2 == 1));
            CHECK((blur.l1 > 0 && blur.l1 <= 8 && blur.l2 > 0 && blur.l2 <= 8));
            CHECK((blur.theta >= 0 && blur.theta < 3.1416));
        }
        REQUIRE(all_of<GaussianNoise>(plan).size() == 1);
        const double level = 255 * all_of<GaussianNoise>(plan)[0].noise.deviation;
        ++kinds[all_of<GaussianNoise>(plan)[0].noise.kind];
        CHECK((level > 1.99 && level < 25.01));
        for (const JpegNoise& jpeg : all_of<JpegNoise>(plan))
            CHECK((jpeg.quality >= 30 && jpeg.quality <= 95));
        CHECK(std::holds_alternative<JpegNoise>(plan.steps.back()));
        jpegs += all_of<JpegNoise>(plan).size() == 2;
        const auto sizes = all_of<Resize>(plan);
        REQUIRE(!sizes.empty());
        CHECK((sizes.back().width == 16 && sizes.back().height == 12));
        halved += all_of<MatlabResize>(plan).size() == 1;
        strided += all_of<BlurAndStride>(plan).size() == 1;
        for (std::size_t i = 0; i < plan.steps.size(); ++i)
            if (plan.steps[i].index() == Step(IsotropicBlur{}).index()) blur_places.insert(i);
    }
    // an eighth; a quarter; nine of ten
    CHECK((halved > 20 && halved < 60));
    CHECK((strided > 50 && strided < 100));
    CHECK((jpegs > 245 && jpegs < 295));
    // two fifths, two fifths, a fifth
    CHECK((kinds[NoiseKind::color] > 90 && kinds[NoiseKind::color] < 150));
    CHECK((kinds[NoiseKind::gray] > 90 && kinds[NoiseKind::gray] < 150));
    CHECK((kinds[NoiseKind::correlated] > 35 && kinds[NoiseKind::correlated] < 85));
    // in any order
    CHECK(blur_places.size() >= 5);
}

TEST_CASE("bsrgan_light is one narrow blur, hardly any noise, and a good JPEG") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const Plan plan = plan_bsrgan_light({64, 64}, 4, seed);
        const auto isotropic = all_of<IsotropicBlur>(plan);
        const auto anisotropic = all_of<AnisotropicBlur>(plan);
        CHECK(isotropic.size() + anisotropic.size() == 1);
        for (const IsotropicBlur& blur : isotropic)
            CHECK((blur.size >= 5 && blur.size <= 7 && blur.sigma <= 0.7));
        for (const AnisotropicBlur& blur : anisotropic)
            CHECK((blur.size >= 5 && blur.size <= 14 && blur.l1 <= 2 && blur.l2 <= 2));
        CHECK(255 * all_of<GaussianNoise>(plan)[0].noise.deviation < 2.01);
        for (const JpegNoise& jpeg : all_of<JpegNoise>(plan)) CHECK(jpeg.quality >= 80);
    }
}

TEST_CASE("bsrgan_plus sharpens first, and sometimes has speckle and photons") {
    std::size_t speckle = 0, photons = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const Plan plan = plan_bsrgan_plus({64, 64}, 2, seed);
        CHECK(std::holds_alternative<Sharpening>(plan.steps.front()));
        CHECK(all_of<GaussianNoise>(plan).size() == 2);
        CHECK(all_of<Resize>(plan).size() == 3);
        CHECK(all_of<JpegNoise>(plan).size() == 2);
        speckle += all_of<SpeckleNoise>(plan).size();
        photons += all_of<PoissonNoise>(plan).size();
    }
    // 20 expected
    CHECK((speckle > 5 && speckle < 40));
    CHECK((photons > 5 && photons < 40));
}

TEST_CASE("a size that the scale does not divide is cropped; every size from 2 scale on works") {
    for (const Planner planner : planners)
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            CHECK(degrade(picture(8, 11), planner({11, 8}, 4, seed)).shape() == Shape{1, 3, 2, 2});
            CHECK(degrade(picture(7, 20), planner({20, 7}, 3, seed)).shape() == Shape{1, 3, 2, 6});
            CHECK(degrade(picture(2, 3), planner({3, 2}, 1, seed)).shape() == Shape{1, 3, 2, 3});
        }
    const Plan cropped = plan_bsrgan({11, 9}, 4, 0);
    CHECK(describe(cropped.steps[0]) == "crop to 8x8");
    CHECK(all_of<Crop>(plan_bsrgan({12, 8}, 4, 0)).empty());
}

TEST_CASE("a degradation that leaves nothing is one clear line") {
    for (const Planner planner : planners) {
        CHECK_THROWS_WITH(planner({7, 64}, 4, 0),
                          "A picture of 7x64 pixels is too small to be degraded by 4: it needs 8 "
                          "in each direction");
        CHECK_THROWS_WITH(planner({64, 64}, 0, 0),
                          "The scale of a degradation is from 1 to 16, got 0");
        CHECK_THROWS_AS(planner({640, 640}, 17, 0), Error);
    }
}

TEST_CASE("steps in words") {
    CHECK(describe(IsotropicBlur{9, 1.26}) == "blur 9x9, sigma 1.3");
    CHECK(describe(AnisotropicBlur{7, 0, 4, 1}) == "blur 7x7, sigma 2.0 and 1.0 at 0°");
    CHECK(describe(Resize{20, 10, CvFilter::area}) == "resized to 20x10, area");
    CHECK(describe(MatlabResize{0.5}) == "times 0.5, MATLAB's cubic");
    CHECK(describe(BlurAndStride{1.2, 4}) == "blur, sigma 1.2; one pixel of 4x4");
    CHECK(describe(GaussianNoise{{.kind = NoiseKind::gray, .deviation = 10 / 255.0}}) ==
          "grey noise, 10/255");
    CHECK(describe(GaussianNoise{{.deviation = 3 / 255.0}}) == "noise in colour, 3/255");
    CHECK(describe(SpeckleNoise{{.kind = NoiseKind::correlated}}) ==
          "speckle in correlated colours");
    CHECK(describe(PoissonNoise{.peak = 150, .gray = true}) == "grey photons, 150 in white");
    CHECK(describe(JpegNoise{40}) == "JPEG 40");
    CHECK(describe(Sharpening{}) == "sharpened by 0.5");
    CHECK(describe(Plan{{4, 2}, {JpegNoise{40}, Crop{2, 2}}}) ==
          "a picture of 4x2\nJPEG 40\ncrop to 2x2\n");
}
