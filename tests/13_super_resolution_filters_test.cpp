#include <cmath>
#include <numbers>

#include "chapters/13_super_resolution/classical.h"
#include "chapters/13_super_resolution/convolve.h"
#include "chapters/13_super_resolution/cv_resize.h"
#include "chapters/13_super_resolution/imresize.h"
#include "chapters/13_super_resolution/kernels.h"
#include "chapters/13_super_resolution/resample.h"
#include "chapters/13_super_resolution/sharpening.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "common/ops/elementwise.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::super_resolution;
using image::Border;
using test::close;
using test::has_text;
using test::noise;

namespace {

constexpr CvFilter all_filters[] = {CvFilter::linear, CvFilter::cubic, CvFilter::area};

Tensor row(std::initializer_list<float> values) {
    return Tensor::from({1, 1, 1, static_cast<std::int64_t>(values.size())}, values);
}

Tensor kernel_of(std::int64_t height, std::int64_t width, std::initializer_list<float> values) {
    return Tensor::from({height, width}, values);
}

double sum_of(const Tensor& x) {
    double sum = 0;
    for (const float value : x.values()) sum += value;
    return sum;
}

/// f(column, row) at every pixel.
template <class F>
Tensor surface(std::int64_t height, std::int64_t width, const F& f) {
    Tensor x({1, 1, height, width});
    for (std::int64_t v = 0; v < height; ++v)
        for (std::int64_t u = 0; u < width; ++u)
            x.data()[v * width + u] =
                static_cast<float>(f(static_cast<double>(u), static_cast<double>(v)));
    return x;
}

}  // namespace

TEST_CASE("a convolution flips its kernel, a correlation does not") {
    const Tensor x = row({1, 2, 4, 8});
    const Tensor k = kernel_of(1, 3, {1, 10, 100});
    // 1 x[i + 1] + 10 x[i] + 100 x[i - 1]
    CHECK(close(convolve(x, k, Border::repeat), row({112, 124, 248, 488}), 0) == "");
    CHECK(close(convolve(x, k, Border::mirror), row({212, 124, 248, 484}), 0) == "");
    CHECK(close(convolve(x, k, Border::wrap), row({812, 124, 248, 481}), 0) == "");
    // 1 x[i - 1] + 10 x[i] + 100 x[i + 1]
    CHECK(close(correlate(x, k, Border::repeat), row({211, 421, 842, 884}), 0) == "");
    // an even kernel: n/2 is its middle, 1 x[i + 1] + 10 x[i]
    CHECK(close(convolve(x, kernel_of(1, 2, {1, 10}), Border::wrap), row({12, 24, 48, 81}), 0) ==
          "");
    CHECK_THROWS_AS(convolve(x, Tensor::zeros({0, 3}), Border::wrap), Error);
}

TEST_CASE("a convolution is the equation, for every plane") {
    const Tensor x = noise({2, 3, 5, 7}, 1), k = noise({3, 4}, 2);
    Tensor expected(x.shape());
    float* next = expected.data();
    for (int plane = 0; plane < 6; ++plane)
        for (int i = 0; i < 5; ++i)
            for (int j = 0; j < 7; ++j) {
                double sum = 0;
                for (int r = 0; r < 3; ++r)
                    for (int c = 0; c < 4; ++c) {
                        const int v = (i + 1 - r + 5) % 5, u = (j + 2 - c + 7) % 7;
                        sum += static_cast<double>(k.data()[4 * r + c]) *
                               x.data()[plane * 35 + 7 * v + u];
                    }
                *next++ = static_cast<float>(sum);
            }
    CHECK(close(convolve(x, k, Border::wrap), expected, 1e-6) == "");
}

TEST_CASE("a Gaussian has the sum 1 and the covariance that it is asked for") {
    const double theta = 0.7, l1 = 5, l2 = 1.5;
    const Tensor k = anisotropic_gaussian(25, theta, l1, l2);
    CHECK(sum_of(k) == Approx(1));
    double xx = 0, xy = 0, yy = 0;
    for (int y = 0; y < 25; ++y)
        for (int x = 0; x < 25; ++x) {
            const double weight = k.data()[25 * y + x];
            xx += weight * (x - 12) * (x - 12);
            xy += weight * (x - 12) * (y - 12);
            yy += weight * (y - 12) * (y - 12);
        }
    const double c = std::cos(theta), s = std::sin(theta);
    CHECK(xx == Approx(l1 * c * c + l2 * s * s).epsilon(1e-3));
    CHECK(xy == Approx((l1 - l2) * c * s).epsilon(1e-3));
    CHECK(yy == Approx(l1 * s * s + l2 * c * c).epsilon(1e-3));
    // of equal variances the angle does not matter
    CHECK(close(anisotropic_gaussian(9, 1.2, 2.25, 2.25), fspecial_gaussian(9, 1.5), 1e-7) == "");
}

TEST_CASE("however narrow a Gaussian is, the nearest pixels share it") {
    CHECK(close(fspecial_gaussian(3, 1e-9), kernel_of(3, 3, {0, 0, 0, 0, 1, 0, 0, 0, 0}), 0) == "");
    CHECK(close(anisotropic_gaussian(2, 0, 1e-9, 1e-9), Tensor::full({2, 2}, 0.25f), 0) == "");
    CHECK_THROWS_WITH(fspecial_gaussian(3, 0), has_text("a standard deviation is above 0, got 0"));
    CHECK_THROWS_WITH(anisotropic_gaussian(3, 0, 1, -1),
                      has_text("variances are above 0, got 1 and -1"));
    CHECK_THROWS_WITH(fspecial_gaussian(0, 1), has_text("from 1 to 1023 pixels in a row, got 0"));
}

TEST_CASE("a Laplacian sees no ramps") {
    const Tensor ramp = surface(5, 6, [](double x, double y) { return 2 * x - 3 * y + 1; });
    const Tensor bowl = surface(5, 6, [](double x, double y) { return x * x + y * y; });
    for (const double alpha : {0.0, 0.2, 1.0}) {
        const Tensor k = fspecial_laplacian(alpha);
        CHECK(sum_of(k) == Approx(0).margin(1e-6));
        const Tensor flat = convolve(ramp, k, Border::repeat),
                     curved = convolve(bowl, k, Border::repeat);
        for (int y = 1; y < 4; ++y)
            for (int x = 1; x < 5; ++x) {
                CHECK(flat.data()[6 * y + x] == Approx(0).margin(1e-5));
                // the second derivatives, 2 and 2
                CHECK(curved.data()[6 * y + x] == Approx(4).epsilon(1e-5));
            }
    }
}

TEST_CASE("two blurs with a halving after each are one with the analytic kernel") {
    const Tensor k = fspecial_gaussian(5, 0.5);
    const Tensor both = analytic_kernel(k);
    CHECK(both.shape() == Shape{9, 9});
    CHECK(sum_of(both) == Approx(1));
    const Tensor x = noise({1, 1, 24, 24}, 3);
    const Tensor apart =
        every_pixel(convolve(every_pixel(convolve(x, k, Border::wrap), 2), k, Border::wrap), 2);
    // what is cut off is little
    CHECK(close(every_pixel(convolve(x, both, Border::wrap), 4), apart, 1e-3) == "");
}

TEST_CASE("a shifted kernel makes every n-th pixel the middle of its block") {
    // of a ramp, the middle of pixels 0 to 3 is 1.5
    const Tensor ramp = surface(32, 32, [](double x, double y) { return x + 100 * y; });
    const Tensor k = fspecial_gaussian(15, 1.5);
    const Tensor small = every_pixel(convolve(ramp, shift_pixel(k, 4), Border::mirror), 4);
    const Tensor unshifted = every_pixel(convolve(ramp, k, Border::mirror), 4);
    for (int i = 3; i < 5; ++i) {
        CHECK(unshifted.data()[8 * i + i] == Approx(101 * (4 * i)).epsilon(1e-4));
        // a convolution flips the kernel: what moved up and left looks down and right
        CHECK(small.data()[8 * i + i] == Approx(101 * (4 * i + 1.5)).epsilon(1e-3));
    }
    CHECK(close(shift_pixel(k, 1), k, 0) == "");
    // by one pixel
    CHECK(close(shift_pixel(kernel_of(1, 4, {1, 2, 3, 5}), 3), kernel_of(1, 4, {2, 3, 5, 5}), 0) ==
          "");
    CHECK(close(shift_pixel(kernel_of(1, 4, {1, 2, 3, 5}), 2, false),
                kernel_of(1, 4, {1, 1.5f, 2.5f, 4}), 0) == "");
}

TEST_CASE("a kernel drawn by lot stands where a shifted one would, with noise on each weight") {
    RandomGaussian settings{.width = 15,
                            .height = 15,
                            .scale = {3, 1},
                            .min_variance = 1,
                            .max_variance = 5,
                            .uniform = {0.25, 0.5, 0.5}};
    const Tensor k = gen_kernel(settings);
    double x = 0, y = 0;
    for (int i = 0; i < 225; ++i) {
        x += k.data()[i] * static_cast<float>(i % 15);
        y += k.data()[i] * static_cast<float>(i / 15);
    }
    CHECK(x == Approx(6).epsilon(1e-3));
    CHECK(y == Approx(7).epsilon(1e-3));

    settings.noise_level = 0.5;
    CHECK_THROWS_AS(gen_kernel(settings), Error);
    settings.uniform_field = Tensor::full({15, 15}, 0.5f);
    settings.uniform_field.data()[0] = 1;
    const Tensor noisy = gen_kernel(settings);
    // 1 + 0.5 (2 - 1) times as much as the others, whose sum changes little
    CHECK(noisy.data()[0] / k.data()[0] == Approx(1.5 * noisy.data()[1] / k.data()[1]));
}

TEST_CASE("Keys' cubic goes through 1 and 0") {
    for (const double a : {-0.5, -0.75}) {
        CHECK(keys_cubic(0, a) == 1);
        CHECK(keys_cubic(1, a) == Approx(0).margin(1e-15));
        CHECK(keys_cubic(2, a) == Approx(0).margin(1e-15));
        CHECK(keys_cubic(2.5, a) == 0);
        // its slope at 1
        CHECK((keys_cubic(1.001, a) - keys_cubic(0.999, a)) / 0.002 == Approx(a).epsilon(1e-2));
        CHECK(keys_cubic(-0.3, a) + keys_cubic(0.7, a) + keys_cubic(1.7, a) + keys_cubic(-1.3, a) ==
              Approx(1));
    }
}

TEST_CASE("imresize by 1 is the identity, and a surface without shape stays so") {
    const Tensor x = noise({1, 3, 6, 9}, 5);
    CHECK(close(imresize(x, 1), x, 0) == "");
    for (const double scale : {0.21, 0.5, 0.9, 1.3, 4.0})
        for (const bool antialiasing : {true, false}) {
            const Tensor flat = imresize(Tensor::full({1, 3, 6, 9}, 0.3f), scale, antialiasing);
            const auto side = [&](double n) {
                return static_cast<std::int64_t>(std::ceil(n * scale));
            };
            CHECK(close(flat, Tensor::full({1, 3, side(6), side(9)}, 0.3f), 1e-6) == "");
        }
}

TEST_CASE("imresize takes parabolas for what they are") {
    const auto parabola = [](double x, double y) { return 0.1 * x * x - 0.2 * y * y + x * y; };
    const Tensor large = imresize(surface(12, 10, parabola), 2);
    // away from the edges; pixel i covers what pixel (i + 0.5) / 2 - 0.5 did
    for (int v = 6; v < 18; ++v)
        for (int u = 6; u < 14; ++u)
            CHECK(large.data()[20 * v + u] ==
                  Approx(parabola((u + 0.5) / 2 - 0.5, (v + 0.5) / 2 - 0.5))
                      .epsilon(1e-5)
                      .margin(1e-5));
}

TEST_CASE("antialiasing is what hides a pattern that is too fine") {
    const Tensor fine = surface(8, 32, [](double x, double) { return static_cast<int>(x) % 2; });
    const Tensor grey = imresize(fine, 0.25), wrong = imresize(fine, 0.25, false);
    for (int x = 2; x < 6; ++x) {
        CHECK(grey.data()[x] == Approx(0.5).margin(1e-6));
        CHECK(wrong.data()[x] == Approx(0.5).margin(1e-6));
    }
    // three pixels wide the pattern does not fall between the pixels of the small picture
    const Tensor odd =
        surface(8, 36, [](double x, double) { return static_cast<int>(x) % 3 == 0; });
    double largest = 0, wrong_largest = 0;
    const Tensor even_small = imresize(odd, 0.25), odd_small = imresize(odd, 0.25, false);
    for (int x = 2; x < 7; ++x) {
        largest = std::max(largest, std::abs(even_small.data()[x] - 1 / 3.0));
        wrong_largest = std::max(wrong_largest, std::abs(odd_small.data()[x] - 1 / 3.0));
    }
    CHECK(largest < 0.02);
    CHECK(wrong_largest > 0.2);
}

TEST_CASE("OpenCV's resize to the same size is the identity, and keeps what has no shape") {
    const Tensor x = noise({1, 3, 6, 9}, 6);
    for (const CvFilter filter : all_filters) {
        CHECK(close(cv_resize(x, 9, 6, filter), x, 0) == "");
        for (const auto& [width, height] :
             {std::pair{4, 3}, std::pair{1, 1}, std::pair{20, 17}, std::pair{4, 11}})
            CHECK(close(cv_resize(Tensor::full({1, 3, 6, 9}, 0.3f), width, height, filter),
                        Tensor::full({1, 3, height, width}, 0.3f), 1e-6) == "");
    }
}

TEST_CASE("OpenCV's three interpolations, by hand") {
    const Tensor x = row({0, 1, 4, 9});
    CHECK(close(cv_resize(x, 2, 1, CvFilter::linear), row({0.5f, 6.5f}), 1e-6) == "");
    CHECK(close(cv_resize(x, 2, 1, CvFilter::area), row({0.5f, 6.5f}), 1e-6) == "");
    CHECK(close(cv_resize(row({1, 2, 6}), 2, 1, CvFilter::area), row({4 / 3.0f, 14 / 3.0f}),
                1e-6) == "");
    // at 0.5 between two pixels: -0.09375 and 0.59375
    CHECK(close(cv_resize(x, 2, 1, CvFilter::cubic),
                row({0.59375f - 0.09375f * 4, -0.09375f * 1 + 0.59375f * 13 - 0.09375f * 9}),
                1e-6) == "");
    // enlarging: a quarter and three quarters, the edges repeated
    CHECK(close(cv_resize(row({0, 8}), 4, 1, CvFilter::linear), row({0, 2, 6, 8}), 1e-6) == "");
    // area does not mix more than it must: 3 pixels of 2, the middle one half of each
    CHECK(close(cv_resize(row({0, 8}), 3, 1, CvFilter::area), row({0, 4, 8}), 1e-6) == "");
    CHECK(close(cv_resize(row({0, 8}), 4, 1, CvFilter::area), row({0, 0, 8, 8}), 1e-6) == "");
}

TEST_CASE("the names of OpenCV's interpolations") {
    for (const CvFilter filter : all_filters) CHECK(cv_filter_from(name_of(filter)) == filter);
    CHECK_THROWS_WITH(cv_filter_from("lanczos"), "'lanczos': expected linear, cubic or area");
}

TEST_CASE("the classical degradations are their steps in their orders") {
    const Tensor x = noise({1, 3, 12, 8}, 8), k = anisotropic_gaussian(5, 0.4, 2, 0.5);
    const Tensor soft = convolve(x, k, Border::wrap);
    CHECK(close(srmd_degradation(x, k, 4), imresize(soft, 0.25), 0) == "");
    CHECK(close(dpsr_degradation(x, k, 2), convolve(imresize(x, 0.5), k, Border::wrap), 0) == "");
    CHECK(close(bicubic_degradation(x, 2), imresize(x, 0.5), 0) == "");
    const Tensor small = classical_degradation(x, k, 3);
    CHECK(small.shape() == Shape{1, 3, 4, 3});
    for (int c = 0; c < 3; ++c)
        for (int i = 0; i < 4; ++i)
            for (int j = 0; j < 3; ++j)
                CHECK(small.data()[12 * c + 3 * i + j] == soft.data()[96 * c + 8 * 3 * i + 3 * j]);
    CHECK_THROWS_WITH(classical_degradation(x, k, 0), "A scale is from 1 on, got 0");
}

TEST_CASE("sharpening makes an edge steeper, and leaves alone what is flat or faint") {
    const auto step = [](double low, double high) {
        return surface(30, 40, [=](double x, double) { return x < 20 ? low : high; });
    };
    const Tensor edge = step(0.4, 0.6), sharp = add_sharpening(edge);
    CHECK(sharp.data()[40 * 15 + 19] < 0.38f);
    CHECK(sharp.data()[40 * 15 + 20] > 0.62f);
    CHECK(close(add_sharpening(step(0.5, 0.51)), step(0.5, 0.51), 1e-6) == "");
    CHECK(close(add_sharpening(edge, {.weight = 0}), edge, 1e-6) == "");
    // an even radius is one more
    CHECK(close(add_sharpening(edge, {.radius = 20}), add_sharpening(edge, {.radius = 21}), 0) ==
          "");
    CHECK_THROWS_WITH(add_sharpening(edge, {.radius = 9}),
                      has_text("from 10 to 1023 pixels, got 9"));
}

TEST_CASE("a size that leaves nothing is one clear line") {
    const Tensor x = Tensor::zeros({1, 3, 4, 6});
    CHECK_THROWS_WITH(imresize(x, 0), "A picture of 6x4 pixels cannot be resized by 0");
    CHECK_THROWS_WITH(imresize(x, -2), has_text("resized by -2"));
    CHECK_THROWS_AS(imresize(x, std::nan("")), Error);
    CHECK_THROWS_AS(imresize(x, 1e9), Error);
    CHECK_THROWS_AS(imresize(Tensor::zeros({1, 1, 0, 4}), 1), Error);
    CHECK_THROWS_WITH(cv_resize(x, 0, 3, CvFilter::area),
                      "A picture of 6x4 pixels cannot be resized to 0x3");
    CHECK_THROWS_AS(cv_resize(x, 3, -1, CvFilter::linear), Error);
    // each side is possible, all pixels are not
    CHECK_THROWS_WITH(cv_resize(x, 20000, 20000, CvFilter::linear),
                      has_text("cannot be resized to 20000x20000"));
    CHECK_THROWS_AS(imresize(x, 3000), Error);
    CHECK_THROWS_WITH(analytic_kernel(Tensor::zeros({1, 5})),
                      has_text("from 2 to 127 rows and columns, got [1, 5]"));
    CHECK_THROWS_AS(analytic_kernel(Tensor::zeros({5, 128})), Error);
    CHECK_THROWS_WITH(analytic_kernel(Tensor::zeros({3, 3})), has_text("0 everywhere"));
    CHECK_THROWS_WITH(crop_to_multiple(x, 5), "Nothing is left of 6x4 pixels in multiples of 5");
    CHECK(crop_to_multiple(x, 4).shape() == Shape{1, 3, 4, 4});
}
