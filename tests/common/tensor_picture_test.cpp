#include "common/figures/tensor_picture.h"

#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;

TEST_CASE("a picture survives the way to a tensor and back") {
    image::Image picture(3, 2);
    for (std::size_t i = 0; i < picture.rgb.size(); ++i)
        picture.rgb[i] = static_cast<std::uint8_t>(i * 15);
    const Tensor x = image::to_tensor(picture);
    CHECK(x.shape() == Shape{1, 3, 2, 3});
    CHECK(x.data()[0] == -1.0f);
    CHECK(image::to_image(x) == picture);
}

TEST_CASE("pictures of one size become a batch") {
    const std::vector<image::Image> pictures = {image::Image(3, 2, {0, 51, 255}),
                                                image::Image(3, 2, {255, 0, 102})};
    const Tensor x = image::to_tensor(pictures);
    CHECK(x.shape() == Shape{2, 3, 2, 3});
    for (std::int64_t n = 0; n < 2; ++n) CHECK(image::to_image(x, n) == pictures[n]);
    CHECK_THROWS_AS(image::to_tensor(std::vector<image::Image>{}), Error);
    CHECK_THROWS_AS(image::to_tensor(std::vector{image::Image(3, 2), image::Image(2, 3)}), Error);
}

TEST_CASE("what is brighter than white is white") {
    const Tensor x = Tensor::from({1, 3, 1, 2}, {7, -7, 1, -1, 0.999f, -0.999f});
    const image::Image picture = image::to_image(x);
    CHECK(picture.at(0, 0) == image::white);
    CHECK(picture.at(1, 0) == image::black);
    CHECK_THROWS_AS(image::to_image(x, 1), Error);
    CHECK_THROWS_AS(image::to_image(test::noise({1, 4, 2, 2}, 1)), Error);
}

TEST_CASE("a picture in [0, 1] is its bytes over 255") {
    image::Image picture(2, 1);
    picture.set(0, 0, {0, 51, 255});
    picture.set(1, 0, {102, 153, 204});
    CHECK(test::close(image::to_unit_tensor(picture),
                      Tensor::from({1, 3, 1, 2}, {0, 0.4f, 0.2f, 0.6f, 1, 0.8f}), 0) == "");
}
