#include <cmath>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/11_editing/fold_unfold.h"
#include "chapters/11_editing/strips.h"
#include "chapters/11_editing/tiled_first_stage.h"
#include "chapters/11_editing/whole_norm.h"
#include "common/device/memory.h"
#include "common/figures/tensor_picture.h"
#include "common/image/example_pictures.h"
#include "common/nn/recipe.h"
#include "common/ops/elementwise.h"
#include "common/ops/norm.h"
#include "common/ops/resample.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::editing;
using test::close;
using test::has_text;
using test::noise;

namespace {

constexpr double one_255th = 2.0 / 255;

/// Weights that keep activations near 1: normal with 1 / sqrt(fan in), norms around 1.
Tensor random_weights(const std::string& name, const Shape& shape) {
    const int seed = static_cast<int>(std::hash<std::string>()(name) % 100'000);
    if (shape.size() == 1)
        return noise(shape, seed, 0.1f) + (name.ends_with("weight") ? 1.0f : 0.0f);
    std::int64_t inputs = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) inputs *= shape[i];
    return noise(shape, seed, 1.0f / std::sqrt(static_cast<float>(inputs)));
}

nn::Checkpoint& with_random_weights(nn::Checkpoint& checkpoint) {
    checkpoint.add_fallback(random_weights);
    return checkpoint;
}

/// An autoencoder with random weights, as small as 32 groups allow.
struct RandomFirstStage {
    explicit RandomFirstStage(const char* ddconfig)
        : config{vae::Config::from_json(io::parse_json(ddconfig, "ddconfig")), 4},
          decoder(with_random_weights(checkpoint).root(), config, 0.5f),
          encoder(checkpoint.root(), config, 0.5f) {}
    pipeline::FirstStageConfig config;
    nn::Checkpoint checkpoint;
    pipeline::FirstStageDecoder decoder;
    pipeline::FirstStageEncoder encoder;
};

constexpr const char* three_levels = R"({"ch": 32, "ch_mult": [1, 2, 2], "num_res_blocks": 1,
    "attn_resolutions": [], "resolution": 32, "z_channels": 4, "in_channels": 3, "out_ch": 3,
    "double_z": true, "dropout": 0.0})";
constexpr const char* with_attention = R"({"ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1,
    "attn_resolutions": [16], "resolution": 32, "z_channels": 4, "in_channels": 3, "out_ch": 3,
    "double_z": true, "dropout": 0.0, "tanh_out": true})";
constexpr const char* without_convolution = R"({"ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1,
    "attn_resolutions": [], "resolution": 32, "z_channels": 4, "in_channels": 3, "out_ch": 3,
    "double_z": true, "dropout": 0.0, "resamp_with_conv": false, "attn_type": "none"})";

/// The first stage of the shipped model.
struct ShippedFirstStage {
    ShippedFirstStage() { opened.source.check(); }
    pipeline::OpenedModel opened =
        pipeline::open_model(LDM_SOURCE_DIR "/reference_data/models/emoji");
    nn::Params weights = opened.source.weights() / "first_stage_model";
    pipeline::FirstStageConfig config =
        pipeline::FirstStageConfig::from_json(opened.source.config().at("first_stage_config"));
    float scale_factor = opened.source.config().at("scale_factor");
    pipeline::FirstStageDecoder decoder{weights, config, scale_factor};
    pipeline::FirstStageEncoder encoder{weights, config, scale_factor};
};

/// Four example pictures as one of 128 x 128.
Tensor four_examples() {
    const auto examples =
        image::choose_examples(LDM_SOURCE_DIR "/reference_data/models/emoji",
                               {"grinning_cat", "rainbow", "rocket", "tropical_fish"});
    std::vector<Tensor> rows;
    for (const int i : {0, 2})
        rows.push_back(ops::concat(
            {image::to_tensor(examples[i].picture), image::to_tensor(examples[i + 1].picture)}, 3));
    return ops::concat(rows, 2);
}

double largest_difference(const Tensor& a, const Tensor& b) {
    double largest = 0;
    for (std::int64_t i = 0; i < a.size(); ++i)
        largest = std::max<double>(largest, std::abs(a.data()[i] - b.data()[i]));
    return largest;
}

}  // namespace

TEST_CASE("Strips: rows are where they were put") {
    const Tensor x = noise({2, 3, 23, 5}, 1);
    for (const std::int64_t pixels : {1, 20, 45, 1000}) {
        const Strips whole(x, pixels);
        CHECK(whole.strip_height() % 4 == 0);
        CHECK(whole.height() == 23);
        CHECK(close(whole.joined(), x, 0) == "");
        CHECK(close(whole.rows(3, 17), ops::slice(x, 2, 3, 17), 0) == "");

        Strips pieces(pixels);
        for (std::int64_t row = 0; row < 23; ++row) pieces.append(ops::slice(x, 2, row, row + 1));
        CHECK(close(pieces.joined(), x, 0) == "");
    }
    CHECK_THROWS_AS(Strips(0), Error);
    CHECK_THROWS_AS(Strips(x, 20).rows(0, 24), Error);
}

TEST_CASE("Strips: rows that were given back are an Error") {
    Strips x(noise({1, 1, 20, 5}, 1), 20);
    x.release_above(9);
    CHECK_THROWS_WITH(x.rows(7, 9), has_text("given back"));
    CHECK_NOTHROW(x.rows(8, 20));
}

TEST_CASE("layers over strips are the layers over the whole") {
    nn::Checkpoint weights;
    weights.add_fallback(random_weights);
    const nn::Conv2d first(weights.root() / "a", 3, 4), second(weights.root() / "b", 4, 2);
    const nn::Conv2d half(weights.root() / "c", 3, 2,
                          {.stride = 2, .padding = {.bottom = 1, .right = 1}});
    const auto both = [&](const Tensor& rows) { return second(first(rows)); };
    // as far as layers may look: three convolutions behind an Upsample
    const nn::Conv2d zeroth(weights.root() / "d", 3, 3);
    const auto larger = [&](const Tensor& rows) {
        return both(zeroth(ops::upsample_nearest(rows, 2)));
    };
    // also a last strip of one row, and of an odd number of them
    for (const std::int64_t height : {1, 2, 5, 12, 13, 31}) {
        const Tensor x = noise({2, 3, height, 6}, 7);
        INFO(height);
        CHECK(close(mapped(Strips(x, 24), {both}).joined(), both(x), 1e-5) == "");
        CHECK(close(mapped(Strips(x, 24), {larger, 2}).joined(), larger(x), 1e-5) == "");
        if (height > 1)
            CHECK(close(mapped(Strips(x, 24), {half, 1, 2}).joined(), half(x), 1e-5) == "");
    }
}

TEST_CASE("moments of parts are the moments of the whole") {
    const Tensor x = noise({2, 6, 11, 5}, 3) + 4.0f;
    GroupMoments parts(3);
    for (const auto& [begin, end] : {std::pair{0, 1}, {1, 7}, {7, 11}})
        parts.add(ops::slice(x, 2, begin, end));
    for (std::int64_t group = 0; group < 6; ++group) {
        double sum = 0, squares = 0;
        const float* numbers = x.data() + group * 110;
        for (int i = 0; i < 110; ++i) sum += numbers[i];
        for (int i = 0; i < 110; ++i)
            squares += (numbers[i] - sum / 110) * (numbers[i] - sum / 110);
        CHECK(parts.mean()[group] == Approx(sum / 110));
        CHECK(parts.variance(group) == Approx(squares / 110));
    }
    CHECK_THROWS_AS(parts.add(noise({1, 6, 2, 5}, 3)), Error);
    CHECK_THROWS_AS(GroupMoments(4).add(x), Error);
}

TEST_CASE("the norm of a whole map, applied to its parts") {
    nn::Checkpoint weights;
    weights.add_fallback(random_weights);
    const nn::GroupNorm norm(weights.root() / "norm", 6, 1e-6f, 3);
    // as small as eps matters, and far from 0
    for (const auto& [scale, term] : {std::pair{1.0f, 0.0f}, {1e-3f, 0.0f}, {1.0f, 30.0f}}) {
        const Tensor x = noise({2, 6, 9, 5}, 3, scale) + term;
        GroupMoments moments(3);
        moments.add(x);
        const WholeNorm whole(norm, moments);
        CHECK(close(whole.then_silu(ops::slice(x, 2, 2, 5)), ops::slice(norm.then_silu(x), 2, 2, 5),
                    2e-5) == "");
    }
}

TEST_CASE("an autoencoder with random weights makes the same in strips as at once") {
    for (const char* ddconfig : {three_levels, with_attention, without_convolution}) {
        INFO(ddconfig);
        const RandomFirstStage stage(ddconfig);
        const Tensor z = noise({2, 4, 13, 9}, 1);
        const Tensor picture = stage.decoder(z);
        const Tensor latent_noise = noise(z.shape(), 2);
        const Tensor latent = stage.encoder(picture, latent_noise);
        REQUIRE(latent.shape() == z.shape());
        for (const std::int64_t pixels : {1, 200, 100'000}) {
            CHECK(close(decode_in_strips(stage.decoder, z, pixels), picture, 1e-4) == "");
            CHECK(close(encode_in_strips(stage.encoder, picture, latent_noise, pixels), latent,
                        1e-4) == "");
        }
    }
}

TEST_CASE("an odd height is encoded in strips as at once") {
    const RandomFirstStage stage(three_levels);
    const Tensor x = noise({1, 3, 39, 22}, 1), latent_noise = noise({1, 4, 9, 5}, 2);
    CHECK(close(encode_in_strips(stage.encoder, x, latent_noise, 150),
                stage.encoder(x, latent_noise), 1e-4) == "");
}

TEST_CASE("the shipped autoencoder has no seams in strips, and has them in tiles of their own") {
    const ShippedFirstStage stage;
    const Tensor x = four_examples();
    const Tensor latent_noise = noise({1, 4, 32, 32}, 1);
    const Tensor z = stage.encoder(x, latent_noise);
    CHECK(close(encode_in_strips(stage.encoder, x, latent_noise, 1000), z, 1e-4) == "");

    const Tensor whole = stage.decoder(z);
    const double strips = largest_difference(decode_in_strips(stage.decoder, z, 1000), whole);
    const double tiles = largest_difference(
        apply_patchwise(stage.decoder, z, {.kernel = {16, 16}, .stride = {8, 8}, .uf = 4}), whole);
    CAPTURE(strips, tiles);
    CHECK(strips < one_255th / 50);
    CHECK(tiles > 10 * one_255th);
}

TEST_CASE("strips take a third of the memory") {
    const RandomFirstStage stage(three_levels);
    const Tensor z = noise({1, 4, 128, 128}, 1);
    const auto most_memory = [](const auto& decode) {
        const std::int64_t before = memory_use().now;
        forget_memory_peak();
        static_cast<void>(decode());
        return static_cast<double>(memory_use().peak - before);
    };
    const double at_once = most_memory([&] { return stage.decoder(z); });
    const double strips = most_memory([&] { return decode_in_strips(stage.decoder, z, 1024); });
    // of 32 channels at the picture's size: that is what one block gives to the next
    constexpr double map = 32.0 * 512 * 512 * 4;
    CAPTURE(at_once / map, strips / map);
    CHECK(strips < 2 * map);
    CHECK(strips < at_once / 3);
}

TEST_CASE("strips of no pixels are refused") {
    const RandomFirstStage stage(without_convolution);
    CHECK_THROWS_WITH(decode_in_strips(stage.decoder, noise({1, 4, 4, 4}, 1), 0),
                      has_text("choose at least 1"));
}
