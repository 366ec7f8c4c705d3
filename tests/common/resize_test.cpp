#include "common/image/resize.h"

#include <cmath>
#include <utility>
#include <vector>

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

constexpr Filter all_filters[] = {Filter::nearest, Filter::bilinear, Filter::area, Filter::bicubic,
                                  Filter::lanczos};

}  // namespace

TEST_CASE("resize: the same size is the same picture") {
    const Image image = pattern(13, 7);
    for (const Filter filter : all_filters) CHECK(resize(image, 13, 7, filter) == image);
}

TEST_CASE("resize: area is the mean of what a pixel covers") {
    const Image image = pattern(12, 8);
    // 3 x 2 pixels become one
    const Image half = resize(image, 4, 4, Filter::area);
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
    for (const Filter filter : all_filters)
        for (const int size : {1, 2, 5, 16, 18, 40})
            CHECK(resize(grey, size, size + 1, filter) == Image(size, size + 1, {77, 78, 79}));
    CHECK_THROWS_AS(resize(grey, 0, 4, Filter::area), ldm::Error);
}

TEST_CASE("resize: bicubic and lanczos weigh as their formulas say") {
    Image row(6, 1,
              // one bright pixel, and what it gives to each pixel of a double row
              {0, 0, 0});
    row.set(2, 0, {200, 200, 200});
    const auto cubic = [](double x) {
        x = std::abs(x);
        return x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
               : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                       : 0;
    };
    const auto lanczos = [](double x) {
        const double a = 3.141592653589793 * x;
        return std::abs(x) < 3 ? 3 * std::sin(a) * std::sin(a / 3) / (a * a) : 0;
    };
    const Image soft = resize(row, 12, 1, Filter::bicubic),
                sharp = resize(row, 12, 1, Filter::lanczos);
    // away from the ends, where the weights are shared out anew
    for (int i = 4; i < 8; ++i) {
        const double x = (i + 0.5) / 2, d = x - 2.5;
        double sum = 0;
        for (int k = 0; k < 6; ++k) sum += lanczos(k + 0.5 - x);
        CHECK(soft.at(i, 0).r == std::max(0l, std::lround(200 * cubic(d))));
        CHECK(sharp.at(i, 0).r == std::max(0l, std::lround(200 * lanczos(d) / sum)));
    }
}

TEST_CASE("resize: the filters are PIL's, byte for byte") {
    // np.asarray(Image.fromarray(pattern).resize((5, 4), ...))[..., 1] of PIL 13; and of the
    // enlarged picture, with numbers from 17 x 9, the sum of all bytes, each times its place modulo
    // 251
    struct Expected {
        Filter filter;
        std::vector<int> greens;
        int enlarged;
    };
    const Expected expected[] = {{Filter::bilinear,
                                  {113, 152, 151, 139, 116, 87,  129, 135, 129, 133,
                                   114, 113, 130, 96,  146, 165, 108, 117, 103, 156},
                                  6713505},
                                 {Filter::bicubic,
                                  {111, 154, 159, 140, 112, 81,  130, 138, 128, 130,
                                   113, 111, 135, 90,  149, 174, 104, 116, 100, 163},
                                  6753688},
                                 {Filter::lanczos,
                                  {105, 153, 163, 137, 116, 76,  129, 147, 128, 123,
                                   115, 111, 134, 88,  150, 174, 104, 117, 98,  168},
                                  6754307}};
    for (const auto& [filter, greens, enlarged] : expected) {
        const Image small = resize(pattern(13, 7), 5, 4, filter);
        for (std::size_t i = 0; i < greens.size(); ++i) CHECK(small.rgb[3 * i + 1] == greens[i]);
        const Image large = resize(pattern(13, 7), 17, 9, filter);
        int sum = 0;
        for (std::size_t i = 0; i < large.rgb.size(); ++i)
            sum += large.rgb[i] * static_cast<int>(i % 251);
        CHECK(sum == enlarged);
    }
}
