#include <algorithm>
#include <set>

#include "chapters/06_spatial_transformer/attention_maps.h"
#include "chapters/06_spatial_transformer/verify.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::spatial_transformer;
using test::close;
using test::noise;
using test::StoredModel;

namespace {

/// Weights by name; those that a test does not name are left out.
struct Weights {
    nn::Checkpoint checkpoint;
    Weights(std::initializer_list<std::pair<const char*, Tensor>> weights) {
        for (const auto& [name, tensor] : weights) checkpoint.add(name, tensor);
    }
    nn::Params params() { return checkpoint.root(); }
};

/// The columns of a picture in reverse order.
Tensor mirrored(const Tensor& x) {
    const auto width = x.dim(3);
    std::vector<Tensor> columns;
    for (std::int64_t i = width; i-- > 0;) columns.push_back(ops::slice(x, 3, i, i + 1));
    return ops::concat(columns, 3);
}

Tensor with_words_reversed(const Tensor& context) {
    std::vector<Tensor> words;
    for (std::int64_t i = context.dim(1); i-- > 0;)
        words.push_back(ops::slice(context, 1, i, i + 1));
    return ops::concat(words, 1);
}

SpatialTransformer stored_transformer(StoredModel& stored) {
    return {stored.params(), SpatialTransformer::Config::from_json(stored.config())};
}

}  // namespace

TEST_CASE("chapter 06 agrees with PyTorch on every stored case") {
    verify::Registry registry;
    register_components(registry);
    test::check_cases("06_spatial_transformer", registry);
}

TEST_CASE("a plain feed-forward is narrow(gelu(widen(x)))") {
    const Tensor w0 = noise({12, 3}, 1), b0 = noise({12}, 2), w2 = noise({3, 12}, 3),
                 b2 = noise({3}, 4);
    Weights weights{
        {"net.0.0.weight", w0}, {"net.0.0.bias", b0}, {"net.2.weight", w2}, {"net.2.bias", b2}};
    const FeedForward ff(weights.params(), {.dim = 3});
    const Tensor x = noise({2, 5, 3}, 5);
    CHECK(close(ff(x), ops::linear(ops::gelu(ops::linear(x, w0, b0)), w2, b2), 1e-6) == "");
}

TEST_CASE("GEGLU: the gate is the second half of the widened token, with GELU on the gate only") {
    // widen gives a = 3 and g = 1 whatever x is; narrow is the identity.
    Weights weights{{"net.0.proj.weight", Tensor::zeros({2, 1})},
                    {"net.0.proj.bias", Tensor::from({2}, {3.0f, 1.0f})},
                    {"net.2.weight", Tensor::full({1, 1}, 1.0f)},
                    {"net.2.bias", Tensor::zeros({1})}};
    const FeedForward ff(weights.params(), {.dim = 1, .mult = 1.0, .glu = true});
    // Phi(1)
    const float gelu_of_one = 0.8413447461f;
    CHECK(close(ff(Tensor::zeros({1, 1, 1})), Tensor::full({1, 1, 1}, 3.0f * gelu_of_one), 1e-6) ==
          "");
}

TEST_CASE("a fractional mult is cut, not rounded") {
    // 9 x 2.5 = 22.5
    StoredModel stored("06_spatial_transformer/FeedForward.gated_odd");
    const FeedForward ff(stored.params(), FeedForward::Config::from_json(stored.config()));
    CHECK(ff(stored.in("x")).shape() == Shape{1, 7, 13});
}

TEST_CASE("a transformer block adds three residuals, one after the other") {
    StoredModel stored("06_spatial_transformer/BasicTransformerBlock.cross");
    const BasicTransformerBlock block(stored.params(),
                                      BasicTransformerBlock::Config::from_json(stored.config()));
    const Tensor x = stored.in("x"), context = stored.in("context");
    const Trace trace;
    const Tensor y = block(x, context);
    CHECK(close(y, x + trace.find("attn1") + trace.find("attn2") + trace.find("ff"), 1e-5) == "");
}

TEST_CASE("words change a transformer block that reads them, and their order does not") {
    StoredModel stored("06_spatial_transformer/BasicTransformerBlock.cross");
    const BasicTransformerBlock block(stored.params(),
                                      BasicTransformerBlock::Config::from_json(stored.config()));
    const Tensor x = stored.in("x"), context = stored.in("context");
    CHECK(close(block(x, context), block(x, with_words_reversed(context)), 1e-5) == "");
    CHECK(close(block(x, context), block(x, context * 2.0f), 1e-5) != "");
}

TEST_CASE("no position embedding: the mirrored picture gives the mirrored result") {
    for (const char* name : {"SpatialTransformer.depth2_odd", "SpatialTransformer.depth1"}) {
        StoredModel stored(std::string("06_spatial_transformer/") + name);
        const SpatialTransformer transformer = stored_transformer(stored);
        const Tensor x = stored.in("x"), context = stored.in("context");
        CHECK(close(transformer(mirrored(x), context), mirrored(transformer(x, context)), 1e-5) ==
              "");
    }
}

TEST_CASE("tokens are the pixels in row-major order, before and after the blocks") {
    StoredModel stored("06_spatial_transformer/SpatialTransformer.depth2_odd");
    const Trace trace;
    const Tensor x = stored.in("x");
    const Tensor y = stored_transformer(stored)(x, stored.in("context"));
    CHECK(y.shape() == x.shape());
    const Tensor pixels = trace.find("proj_in");  // [1, 24, 3, 5]
    CHECK(pixels.shape() == Shape{1, 24, 3, 5});
    CHECK(trace.find("transformer_blocks.0").shape() == Shape{1, 15, 24});
    CHECK(close(trace.find("proj_out") + x, y, 1e-6) == "");

    // The input of block 0 is proj_in's output, token 7 being row 1, column 2.
    const Tensor token =
        ops::slice(trace.find("transformer_blocks.0.norm1"), 1, 7, 8).reshape({24});
    const Tensor pixel = ops::slice(ops::slice(pixels, 2, 1, 2), 3, 2, 3).reshape({24});
    const float mean = ops::mean(pixel).item();
    const Tensor normalized =
        (pixel - mean) / std::sqrt(ops::mean(ops::square(pixel - mean)).item() + 1e-5f);
    const nn::Params norm = stored.params() / "transformer_blocks" / 0 / "norm1";
    CHECK(close(token, normalized * norm.get("weight", {24}) + norm.get("bias", {24}), 1e-5) == "");
}

TEST_CASE("pictures of a batch do not depend on each other") {
    StoredModel stored("06_spatial_transformer/SpatialTransformer.depth1");
    const SpatialTransformer transformer = stored_transformer(stored);
    const Tensor x = stored.in("x"), context = stored.in("context");
    const Tensor alone = transformer(ops::slice(x, 0, 1, 2), ops::slice(context, 0, 1, 2));
    CHECK(close(ops::slice(transformer(x, context), 0, 1, 2), alone, 1e-6) == "");
}

TEST_CASE("chapter 06 refuses what it does not know, naming it") {
    using test::has_text;
    CHECK_THROWS_WITH(FeedForward::Config::from_json({{"dim", 4}, {"gated", true}}),
                      has_text("'gated'"));
    CHECK_THROWS_WITH(FeedForward::Config::from_json({{"mult", 2}}), has_text("'dim'"));
    CHECK_THROWS_WITH(
        BasicTransformerBlock::Config::from_json({{"dim", 4}, {"n_heads", 1}, {"d_head", "4"}}),
        has_text("'d_head'"));
    CHECK_THROWS_WITH(
        SpatialTransformer::Config::from_json(
            {{"in_channels", 32}, {"n_heads", 1}, {"d_head", 4}, {"disable_self_attn", true}}),
        has_text("'disable_self_attn'"));
    CHECK_THROWS_WITH(SpatialTransformer::Config::from_json(
                          {{"in_channels", 32}, {"n_heads", 1}, {"d_head", 4}, {"depth", 0}}),
                      has_text("'depth'"));
}

TEST_CASE("a context of the wrong width is an error that shows both") {
    // words of 12 numbers
    StoredModel stored("06_spatial_transformer/SpatialTransformer.depth1");
    const SpatialTransformer transformer = stored_transformer(stored);
    CHECK_THROWS_WITH(transformer(stored.in("x"), noise({2, 7, 13}, 1)), test::has_text("13"));
    CHECK_THROWS_AS(transformer(stored.in("x"), {}), Error);
    CHECK_THROWS_AS(transformer(noise({2, 31, 4, 4}, 1), stored.in("context")), Error);
}

TEST_CASE("pixels are chosen whose self-attention differs most") {
    // the weights of pixels 0 to 2 are alike, 3 differs; the one in the middle comes first
    AttentionMaps maps{.height = 2,
                       .width = 2,
                       .self = Tensor::from({4, 2}, {1, 0, 1, 0, 0.9f, 0.1f, 0, 1}),
                       .cross = {}};
    CHECK(different_pixels(maps, 2) == std::vector{3, 0});
    const auto all = different_pixels(maps, 9);
    CHECK(std::set(all.begin(), all.end()).size() == 4);
}
