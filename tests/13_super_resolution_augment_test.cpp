#include <set>
#include <vector>

#include "chapters/09_training/data/batches.h"
#include "chapters/13_super_resolution/augment.h"
#include "chapters/13_super_resolution/classical.h"
#include "chapters/13_super_resolution/lsun.h"
#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::super_resolution;
using test::close;
using test::has_text;

namespace {

Tensor counted(std::int64_t height, std::int64_t width) {
    Tensor x({1, 1, height, width});
    for (std::int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i);
    return x;
}

std::vector<float> numbers(const Tensor& x) { return {x.values().begin(), x.values().end()}; }

}  // namespace

TEST_CASE("the eight augmentations, by hand") {
    // 0 1 2
    // 3 4 5
    const Tensor x = counted(2, 3);
    const auto with = [](std::int64_t height, std::int64_t width, std::initializer_list<float> v) {
        return Tensor::from({1, 1, height, width}, v);
    };
    CHECK(close(augment(x, 0), x, 0) == "");
    CHECK(close(augment(x, 1), with(3, 2, {0, 3, 1, 4, 2, 5}), 0) == "");
    CHECK(close(augment(x, 2), with(2, 3, {3, 4, 5, 0, 1, 2}), 0) == "");
    CHECK(close(augment(x, 3), with(3, 2, {3, 0, 4, 1, 5, 2}), 0) == "");
    CHECK(close(augment(x, 4), with(2, 3, {2, 1, 0, 5, 4, 3}), 0) == "");
    CHECK(close(augment(x, 5), with(3, 2, {2, 5, 1, 4, 0, 3}), 0) == "");
    CHECK(close(augment(x, 6), with(2, 3, {5, 4, 3, 2, 1, 0}), 0) == "");
    CHECK(close(augment(x, 7), with(3, 2, {5, 2, 4, 1, 3, 0}), 0) == "");
    CHECK_THROWS_WITH(augment(x, 8), "There are 8 augmentations, from 0 on; got 8");
    CHECK_THROWS_AS(undoing(-1), Error);
}

TEST_CASE("the eight augmentations are a group: different, closed, and each can be undone") {
    const Tensor x = counted(3, 3);
    std::set<std::vector<float>> all;
    for (int mode = 0; mode < augmentations; ++mode) all.insert(numbers(augment(x, mode)));
    CHECK(all.size() == 8);
    for (int first = 0; first < augmentations; ++first) {
        for (int second = 0; second < augmentations; ++second)
            CHECK(all.contains(numbers(augment(augment(x, first), second))));
        CHECK(close(augment(augment(x, first), undoing(first)), x, 0) == "");
        CHECK(undoing(undoing(first)) == first);
    }
}

TEST_CASE("every channel of every picture is augmented alike") {
    const Tensor x = test::noise({2, 3, 4, 5}, 1);
    const Tensor y = augment(x, 5);
    CHECK(y.shape() == Shape{2, 3, 5, 4});
    for (int plane = 0; plane < 6; ++plane)
        for (int i = 0; i < 5; ++i)
            for (int j = 0; j < 4; ++j)
                CHECK(y.data()[20 * plane + 4 * i + j] == x.data()[20 * plane + 5 * j + 4 - i]);
}

TEST_CASE("a patch of a small picture and that of the large one show the same") {
    const Tensor high = counted(12, 18), low = every_pixel(high, 3);
    std::set<std::vector<float>> places;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const PatchPair pair = random_patch(low, high, 3, 3, seed);
        CHECK(pair.low.shape() == Shape{1, 1, 3, 3});
        CHECK(pair.high.shape() == Shape{1, 1, 9, 9});
        CHECK(close(every_pixel(pair.high, 3), pair.low, 0) == "");
        CHECK(close(random_patch(low, high, 3, 3, seed).high, pair.high, 0) == "");
        places.insert(numbers(pair.low));
    }
    // 2 rows and 4 columns to begin at
    CHECK(places.size() == 8);
    CHECK(close(random_patch(low, high, 3, 4, 0).low, random_patch(low, high, 3, 4, 0).low, 0) ==
          "");
    CHECK_THROWS_WITH(random_patch(low, high, 3, 5, 0),
                      "There is no patch of 5x5 pixels in a picture of 6x4");
    CHECK_THROWS_WITH(random_patch(low, high, 2, 2, 0), has_text("expected [1, 1, 8, 12]"));
}

TEST_CASE("LSUN's pictures are the square in the middle, in [-1, 1]") {
    image::Image wide(7, 4);
    for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 7; ++x)
            wide.set(x, y,
                     {static_cast<std::uint8_t>(30 * x), static_cast<std::uint8_t>(50 * y), 9});
    // 3 pixels too many: 1 at the left, 2 at the right
    CHECK(centre_square(wide) == image::crop(wide, 1, 0, 4, 4));
    const auto filter = image::Filter::bicubic;
    CHECK(close(lsun_picture(wide, 4, filter), image::to_tensor(centre_square(wide)), 0) == "");
    CHECK(close(lsun_picture(wide, 4, filter, true),
                image::to_tensor(image::mirror(centre_square(wide))), 0) == "");
    CHECK(close(lsun_picture(wide, 9, filter),
                image::to_tensor(image::resize(centre_square(wide), 9, 9, filter)), 0) == "");
    CHECK_THROWS_AS(lsun_picture(wide, 0, filter), Error);

    // what ldm train makes of them, with these settings
    const train::DataConfig config = train::read_data_config(
        {{"size", 9}, {"min_crop_f", 1}, {"max_crop_f", 1}, {"crop", "center"}}, "data");
    const train::Draw draw{.flipped = true, .crop_x = 0.5, .crop_y = 0.5};
    CHECK(close(lsun_picture(wide, 9, filter, true),
                image::to_tensor(train::sample_of(wide, draw, config)), 0) == "");
}
