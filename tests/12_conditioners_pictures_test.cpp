// Conditioners of pictures and classes: interpolation, classifiers, neighbours.

#include "chapters/02_vae/interpolation.h"
#include "chapters/12_conditioners/class_embedder.h"
#include "chapters/12_conditioners/clip_image_embedder.h"
#include "chapters/12_conditioners/encoder_unet.h"
#include "chapters/12_conditioners/retrieval/exact_search.h"
#include "chapters/12_conditioners/spatial_rescaler.h"
#include "common/ops/elementwise.h"
#include "common/ops/resample.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::conditioners;
using test::close;
using test::has_text;
using test::noise;
using vae::Interpolation;
using vae::interpolation_named;
using vae::rescaled;
using vae::resized_to_corners;

TEST_CASE("a picture of the same size is the same, and a constant one stays constant",
          "[interpolation]") {
    const Tensor x = noise({1, 2, 5, 7}, 1), grey = Tensor::full({1, 1, 6, 9}, 0.25f);
    for (const char* name : {"nearest", "bilinear", "bicubic", "area"}) {
        INFO(name);
        const Interpolation method = interpolation_named(name);
        CHECK(close(rescaled(x, 1.0, method), x, 1e-6) == "");
        for (const double multiplier : {0.4, 0.5, 1.3, 2.0}) {
            const Tensor y = rescaled(grey, multiplier, method);
            CHECK(close(y, Tensor::full(y.shape(), 0.25f), 1e-6) == "");
        }
    }
    CHECK(close(resized_to_corners(x, 5, 7), x, 1e-6) == "");
}

TEST_CASE("half the size: area is the mean of four pixels, and so is bilinear between them",
          "[interpolation]") {
    const Tensor x = noise({2, 3, 6, 8}, 2);
    CHECK(close(rescaled(x, 0.5, Interpolation::area), ops::avg_pool2d(x, 2), 1e-6) == "");
    CHECK(close(rescaled(x, 0.5, Interpolation::bilinear), ops::avg_pool2d(x, 2), 1e-6) == "");
    CHECK(close(rescaled(x, 2.0, Interpolation::nearest), ops::upsample_nearest(x, 2), 0.0) == "");
}

TEST_CASE("what leaves no picture, or is no method, is refused", "[interpolation]") {
    CHECK_THROWS_WITH(rescaled(Tensor::zeros({1, 1, 1, 4}), 0.5, Interpolation::nearest),
                      has_text("1 pixels times 0.5 leave none"));
    CHECK_THROWS_WITH(interpolation_named("trilinear"), has_text("'trilinear'"));
    CHECK_THROWS_WITH(SpatialRescaler::Config::from_json({{"multiplier", -1.0}}),
                      has_text("'multiplier'"));
    CHECK_THROWS_WITH(SpatialRescaler::Config::from_json({{"n_stages", 99}}), has_text("n_stages"));
}

TEST_CASE("CLIP's preprocessing: corners stay corners, and the mean grey becomes 0",
          "[interpolation]") {
    const Tensor x = noise({1, 3, 9, 12}, 3);
    const Tensor y = preprocess_for_clip(x, 33);
    CHECK(y.shape() == Shape{1, 3, 33, 33});
    const auto red = [](const Tensor& picture, std::int64_t i) { return picture.values()[i]; };
    const auto expected = [](float value) { return ((value + 1) / 2 - 0.48145466f) / 0.26862954f; };
    CHECK(std::abs(red(y, 0) - expected(red(x, 0))) < 1e-5);
    CHECK(std::abs(red(y, 33 * 33 - 1) - expected(red(x, 9 * 12 - 1))) < 1e-5);
}

TEST_CASE("a class has its row, and there are no others", "[classes]") {
    test::StoredModel stored("12_conditioners/ClassEmbedder.seven");
    const ClassEmbedder embedder(stored.params(), 7, 5);
    const auto of = [](std::int32_t y) { return Tensor::ints({1}, std::vector{y}); };
    CHECK(embedder(of(6)).shape() == Shape{1, 1, 5});
    CHECK_THROWS_AS(embedder(of(7)), Error);
    CHECK_THROWS_AS(embedder(of(-1)), Error);
}

TEST_CASE("a classifier's settings that do not fit are refused", "[classifier]") {
    test::StoredModel stored("12_conditioners/EncoderUNetModel.attention");
    const auto with = [&](const char* key, const io::Json& value) {
        io::Json config = stored.config();
        config[key] = value;
        return EncoderUNetModel::Config::from_json(config);
    };
    CHECK_THROWS_WITH(with("pool", "mean"), has_text("'mean'"));
    CHECK_THROWS_WITH(with("num_classes", 4), has_text("neither a context nor classes"));
    io::Json no_width = stored.config();
    no_width.erase("num_head_channels");
    CHECK_THROWS_WITH(EncoderUNetModel::Config::from_json(no_width), has_text("num_head_channels"));

    const EncoderUNetModel model(stored.params(),
                                 EncoderUNetModel::Config::from_json(stored.config()));
    const Tensor t = Tensor::ints({1}, std::vector<std::int32_t>{1});
    CHECK(model(Tensor::zeros({1, 3, 8, 8}), t).shape() == Shape{1, 5});
    CHECK_THROWS_WITH(model(Tensor::zeros({1, 3, 9, 8}), t), has_text("multiples of 2"));
    // the pool has learned positions for one size
    CHECK_THROWS_AS(model(Tensor::zeros({1, 3, 16, 16}), t), Error);
}

TEST_CASE("the nearest vector of a vector of the database is itself", "[retrieval]") {
    const Tensor database = noise({20, 6}, 4);
    const Neighbours found = nearest_neighbours(database, 3.0f * database, 4);
    for (int i = 0; i < 20; ++i) {
        CHECK(found.ids.ints()[4 * i] == i);
        CHECK(std::abs(found.similarities.values()[4 * i] - 1) < 1e-6);
        for (int j = 1; j < 4; ++j)
            CHECK(found.similarities.values()[4 * i + j] <=
                  found.similarities.values()[4 * i + j - 1]);
    }
    // of equal ones the first
    const Tensor same = Tensor::full({5, 2}, 1.0f);
    CHECK(nearest_neighbours(same, same, 2).ids.ints()[1] == 1);
    CHECK_THROWS_WITH(nearest_neighbours(same, same, 6), has_text("of 5 vectors"));
    CHECK_THROWS_WITH(nearest_neighbours(same, same, 0), has_text("0 neighbours"));
    CHECK_THROWS_AS(nearest_neighbours(same, Tensor::zeros({1, 3}), 1), Error);
}
