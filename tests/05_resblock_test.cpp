#include "chapters/05_resblock/resample.h"
#include "chapters/05_resblock/resblock.h"
#include "chapters/05_resblock/verify.h"
#include "common/ops/conv2d.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/norm.h"
#include "common/ops/resample.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using resblock::ResBlock;
using test::close;
using test::noise;

namespace {

/// Weights of a ResBlock as `config` wants them, by their upstream names.
std::map<std::string, Tensor> weights_of(const ResBlock::Config& c) {
    const int out = c.out_channels ? c.out_channels : c.channels;
    const int time = c.use_scale_shift_norm ? 2 * out : out;
    const int side = c.use_conv ? 3 : 1;
    std::map<std::string, Tensor> w{
        {"in_layers.0.weight", noise({c.channels}, 1)},
        {"in_layers.0.bias", noise({c.channels}, 2)},
        {"in_layers.2.weight", noise({out, c.channels, 3, 3}, 3, 0.06f)},
        {"in_layers.2.bias", noise({out}, 4)},
        {"emb_layers.1.weight", noise({time, c.emb_channels}, 5, 0.3f)},
        {"emb_layers.1.bias", noise({time}, 6)},
        {"out_layers.0.weight", noise({out}, 7)},
        {"out_layers.0.bias", noise({out}, 8)},
        {"out_layers.3.weight", noise({out, out, 3, 3}, 9, 0.06f)},
        {"out_layers.3.bias", noise({out}, 10)},
    };
    if (out != c.channels) {
        w["skip_connection.weight"] = noise({out, c.channels, side, side}, 11, 0.2f);
        w["skip_connection.bias"] = noise({out}, 12);
    }
    return w;
}

ResBlock block_from(const ResBlock::Config& config, const std::map<std::string, Tensor>& weights) {
    nn::Checkpoint checkpoint;
    for (const auto& [name, tensor] : weights) checkpoint.add(name, tensor);
    ResBlock block(checkpoint.root(), config);
    checkpoint.check("the test");
    return block;
}

ResBlock block_from(const ResBlock::Config& config) {
    return block_from(config, weights_of(config));
}

// Two channels to a group of the norm: with one, the norm would take away what the time added.
constexpr ResBlock::Config same{.channels = 64, .emb_channels = 12};
constexpr ResBlock::Config wider{.channels = 32, .emb_channels = 12, .out_channels = 64};

}  // namespace

TEST_CASE("every stored case of chapter 05") {
    verify::Registry registry;
    resblock::register_components(registry);
    CHECK(registry.contains("ResBlock"));
    CHECK(registry.contains("Resample"));
    test::check_cases("05_resblock", registry);
}

TEST_CASE("a ResBlock is its equation") {
    const Tensor x = noise({2, 32, 4, 3}, 20), emb = noise({2, 12}, 21);
    auto config = wider;
    auto w = weights_of(config);
    auto norm = [&](const Tensor& h, const std::string& key) {
        return ops::group_norm(h, 32, w[key + ".weight"], w[key + ".bias"], 1e-5f);
    };
    auto conv = [&](const Tensor& h, const std::string& key, int padding) {
        return ops::conv2d(h, w[key + ".weight"], w[key + ".bias"],
                           {.padding = ops::Padding::all(padding)});
    };
    const Tensor time =
        ops::linear(ops::silu(emb), w["emb_layers.1.weight"], w["emb_layers.1.bias"]);
    const Tensor h = conv(ops::silu(norm(x, "in_layers.0")), "in_layers.2", 1);
    const Tensor timed = norm(h + time.reshape({2, 64, 1, 1}), "out_layers.0");
    const Tensor y = conv(x, "skip_connection", 0) + conv(ops::silu(timed), "out_layers.3", 1);
    CHECK(close(block_from(config, w)(x, emb), y, 0.0) == "");
}

TEST_CASE("a block whose last convolution is zero, as before training, is the identity") {
    auto w = weights_of(same);
    w["out_layers.3.weight"] = Tensor::zeros({64, 64, 3, 3});
    w["out_layers.3.bias"] = Tensor::zeros({64});
    const Tensor x = noise({2, 64, 5, 4}, 1);
    CHECK(close(block_from(same, w)(x, noise({2, 12}, 2)), x, 0.0) == "");
}

TEST_CASE("the time matters, and only to its own picture") {
    auto config = wider;
    config.use_scale_shift_norm = GENERATE(false, true);
    const ResBlock block = block_from(config);
    const Tensor x = noise({2, 32, 4, 4}, 3), now = noise({2, 12}, 4);
    const Tensor later = ops::concat({ops::slice(now, 0, 0, 1), noise({1, 12}, 5)}, 0);
    const Tensor a = block(x, now), b = block(x, later);
    CHECK(close(ops::slice(a, 0, 0, 1), ops::slice(b, 0, 0, 1), 0.0) == "");
    CHECK(close(ops::slice(a, 0, 1, 2), ops::slice(b, 0, 1, 2), 0.1) != "");
}

TEST_CASE("with as many channels as groups, the norm takes away what the time added") {
    const ResBlock::Config narrow{.channels = 32, .emb_channels = 12};
    const ResBlock block = block_from(narrow);
    const Tensor x = noise({1, 32, 4, 4}, 3);
    CHECK(close(block(x, noise({1, 12}, 4)), block(x, noise({1, 12}, 5)), 1e-4) == "");
}

TEST_CASE("scale and shift of zero leave the plain norm") {
    auto plain = weights_of(same);
    plain["emb_layers.1.weight"] = Tensor::zeros({64, 12});
    plain["emb_layers.1.bias"] = Tensor::zeros({64});
    auto scaled = plain;
    scaled["emb_layers.1.weight"] = Tensor::zeros({128, 12});
    scaled["emb_layers.1.bias"] = Tensor::zeros({128});
    auto scale_shift = same;
    scale_shift.use_scale_shift_norm = true;
    const Tensor x = noise({1, 64, 3, 3}, 6), emb = noise({1, 12}, 7);
    CHECK(close(block_from(scale_shift, scaled)(x, emb), block_from(same, plain)(x, emb), 1e-6) ==
          "");
}

TEST_CASE("up and down change the size of the residual and of the skip connection") {
    const Tensor emb = noise({1, 12}, 9);
    for (ResBlock::Config config : {same, wider}) {
        const Tensor x = noise({1, config.channels, 6, 5}, 8);
        config.up = true;
        CHECK(block_from(config)(x, emb).shape() == Shape{1, 64, 12, 10});
        config.up = false;
        config.down = true;
        CHECK(block_from(config)(x, emb).shape() == Shape{1, 64, 3, 2});
    }
}

TEST_CASE("without a convolution, making a picture larger and smaller again changes nothing") {
    nn::Checkpoint none;
    const Tensor x = noise({2, 5, 3, 4}, 10);
    const resblock::Upsample up(none.root(), 5, false);
    const resblock::Downsample down(none.root(), 5, false);
    CHECK(close(down(up(x)), x, 0.0) == "");
}

TEST_CASE("a strided convolution has its zeros on all sides") {
    // A kernel that is 1 at its upper left corner meets the zeros there first.
    std::vector<float> upper_left(9, 0.0f);
    upper_left[0] = 1.0f;
    nn::Checkpoint weights;
    weights.add("op.weight", Tensor::from({1, 1, 3, 3}, upper_left));
    weights.add("op.bias", Tensor::zeros({1}));
    const resblock::Downsample down(weights.root(), 1, true);
    const Tensor x =
        Tensor::from({1, 1, 4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
    CHECK(close(down(x), Tensor::from({1, 1, 2, 2}, {0, 0, 0, 6}), 0.0) == "");
}

TEST_CASE("a transposed convolution adds its kernel every two pixels") {
    nn::Checkpoint weights;
    weights.add("up.weight", Tensor::full({1, 1, 3, 3}, 1.0f));
    weights.add("up.bias", Tensor::zeros({1}));
    const resblock::TransposedUpsample up(weights.root(), 1, 0, 3);
    const Tensor y = up(Tensor::from({1, 1, 1, 2}, {1, 10}));
    CHECK(close(y,
                Tensor::from({1, 1, 3, 5}, {1, 1, 11, 10, 10, 1, 1, 11, 10, 10, 1, 1, 11, 10, 10}),
                0.0) == "");
}

TEST_CASE("gradients of a ResBlock agree with finite differences") {
    auto config = wider;
    config.use_scale_shift_norm = GENERATE(false, true);
    auto weights = weights_of(config);
    const auto block = [&](const std::vector<Tensor>& in) {
        weights["emb_layers.1.bias"] = in[2];
        return block_from(config, weights)(in[0], in[1]);
    };
    CHECK(test::gradients_agree(block, {noise({1, 32, 2, 2}, 13), noise({1, 12}, 14),
                                        weights["emb_layers.1.bias"]}) == "");
}

TEST_CASE("wrong shapes and settings are refused by name") {
    const ResBlock block = block_from(same);
    CHECK_THROWS_WITH(block(noise({1, 32, 4, 4}, 1), noise({1, 12}, 1)),
                      test::has_text("expected [1, 64, 4, 4], got [1, 32, 4, 4]"));
    CHECK_THROWS_WITH(block(noise({2, 64, 4, 4}, 1), noise({1, 12}, 1)),
                      test::has_text("expected [2, 12], got [1, 12]"));

    using io::Json;
    const auto read = [](const char* text) {
        return ResBlock::Config::from_json(Json::parse(text));
    };
    CHECK(read(R"({"channels": 32, "emb_channels": 8, "dropout": 0})").out_channels == 32);
    CHECK_THROWS_WITH(read(R"({"channels": 32, "emb_channels": 8, "dropout": 0, "dims": 3})"),
                      test::has_text("'dims'"));
    CHECK_THROWS_WITH(read(R"({"channels": 32, "emb_channels": 8, "dropout": 0, "width": 3})"),
                      test::has_text("'width'"));
    CHECK_THROWS_WITH(read(R"({"channels": 32, "emb_channels": 8, "up": true, "down": true})"),
                      test::has_text("'down'"));
    CHECK_THROWS_WITH(read(R"({"emb_channels": 8})"), test::has_text("'channels'"));

    nn::Checkpoint none;
    CHECK_THROWS_WITH(resblock::Downsample(none.root(), 8, false, 12),
                      test::has_text("'out_channels'"));
}
