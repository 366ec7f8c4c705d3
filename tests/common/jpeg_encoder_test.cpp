#include "common/image/jpeg_encoder.h"

#include <cmath>

#include "common/error.h"
#include "common/image/jpeg_decoder.h"
#include "tests/support/catch.h"

using namespace ldm;
using namespace ldm::image;
using test::has_text;

namespace {

/// Slow waves, of which a JPEG keeps most.
Image waves(int width, int height) {
    Image picture(width, height);
    const auto wave = [](double angle) {
        return static_cast<std::uint8_t>(std::lround(127.5 + 100 * std::sin(angle)));
    };
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            picture.set(x, y, {wave(0.2 * x), wave(0.15 * y), wave(0.1 * (x + y))});
    return picture;
}

double mean_square_difference(const Image& a, const Image& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.rgb.size(); ++i)
        sum += (a.rgb[i] - b.rgb[i]) * (a.rgb[i] - b.rgb[i]);
    return sum / static_cast<double>(a.rgb.size());
}

}  // namespace

TEST_CASE("a JPEG that was written is read again, nearly as it was") {
    for (const auto& [width, height] : {std::pair{40, 24}, std::pair{17, 9}, std::pair{1, 1}}) {
        const Image picture = waves(width, height);
        const auto file = encode_jpeg(picture, 95);
        CHECK(jpeg_extent(file) == Extent{width, height});
        CHECK(mean_square_difference(decode_jpeg(file), picture) < 20);
    }
}

TEST_CASE("a lower quality is a smaller JPEG that is further from the picture") {
    const Image picture = waves(64, 48);
    std::size_t size = 0;
    double difference = 1e9;
    for (const int quality : {1, 10, 30, 60, 90, 100}) {
        const auto file = encode_jpeg(picture, quality);
        const double now = mean_square_difference(decode_jpeg(file), picture);
        CHECK(file.size() > size);
        CHECK(now < difference);
        size = file.size();
        difference = now;
    }
}

TEST_CASE("what is no JPEG is one clear line") {
    CHECK_THROWS_WITH(encode_jpeg(waves(8, 8), 0), has_text("from 1 to 100, got 0"));
    CHECK_THROWS_WITH(encode_jpeg(waves(8, 8), 101), has_text("from 1 to 100, got 101"));
    CHECK_THROWS_WITH(encode_jpeg(Image(0, 5), 50), has_text("no JPEG without pixels"));
    // libjpeg's own limit is 65500
    CHECK_THROWS_WITH(encode_jpeg(Image(70000, 1), 50), has_text("cannot write a JPEG: Maximum"));
}
