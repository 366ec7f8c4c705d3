// x_transformer: the order of layers, and attention by two ways.

#include "chapters/12_conditioners/x_transformer/transformer_wrapper.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::conditioners;
using test::close;
using test::has_text;
using test::noise;

namespace {

std::string order(const io::Json& more) {
    io::Json config = {{"dim", 4}, {"depth", 2}};
    config.update(more);
    std::string letters;
    for (const LayerType type : layer_types(AttentionLayersConfig::from_json(config)))
        letters += static_cast<char>(type);
    return letters;
}

/// Attention with weights of its own.
struct Attending {
    nn::Checkpoint checkpoint;
    Attention attention;

    Attending(const AttentionLayersConfig& config, bool causal)
        : attention((checkpoint.add_fallback([](const std::string& name, const Shape& shape) {
                        return noise(shape, name.size());
                    }),
                     checkpoint.root()),
                    config, causal) {}
};

Tensor first(const Tensor& x, int axis, std::int64_t count) {
    return ops::slice(x, axis, 0, count);
}

}  // namespace

TEST_CASE("layers stand in the order that the settings say", "[x_transformer]") {
    CHECK(order(io::Json::object()) == "afaf");
    CHECK(order({{"cross_attend", true}}) == "acfacf");
    CHECK(order({{"cross_attend", true}, {"only_cross", true}}) == "cfcf");
    CHECK(order({{"depth", 3}, {"sandwich_coef", 1}}) == "aafaff");
    CHECK(order({{"depth", 3}, {"sandwich_coef", 3}}) == "aaafff");
    // eight layers, two of them attend, in blocks of (5 + 5 / 2) / 2 = 3
    CHECK(order({{"depth", 4}, {"par_ratio", 4}}) == "affaffff");
    CHECK_THROWS_WITH(order({{"sandwich_coef", 3}}), has_text("more than the depth"));
    CHECK_THROWS_WITH(order({{"par_ratio", 5}}), has_text("'par_ratio' 5"));
    CHECK_THROWS_WITH(order({{"causal", true}}), has_text("take AttentionLayers"));
    CHECK_THROWS_WITH(order({{"macaron", true}}), has_text("macaron"));
}

TEST_CASE("attention is the same whether its scores are written or not", "[x_transformer]") {
    AttentionLayersConfig config{.dim = 12, .depth = 1, .heads = 3, .dim_head = 4};
    const Tensor x = noise({2, 7, 12}, 1), context = noise({2, 5, 12}, 2);
    for (const bool causal : {false, true}) {
        const Attending plain(config, causal);
        CHECK(close(plain.attention({.x = x}, false).y, plain.attention({.x = x}, true).y, 1e-5) ==
              "");
    }
    const Attending cross(config, false);
    CHECK(close(cross.attention({.x = x, .context = context}, false).y,
                cross.attention({.x = x, .context = context}, true).y, 1e-5) == "");
    config.num_mem_kv = 2;
    const Attending memory(config, false);
    const auto both = memory.attention({.x = x}, true);
    CHECK(both.scores.shape() == Shape{2, 3, 7, 9});
    CHECK(close(memory.attention({.x = x}, false).y, both.y, 1e-5) == "");
}

TEST_CASE("what is masked or comes later has no say", "[x_transformer]") {
    const AttentionLayersConfig config{.dim = 8, .depth = 1, .heads = 2, .dim_head = 4};
    const Tensor x = noise({1, 6, 8}, 1);
    const Tensor other = ops::concat({first(x, 1, 4), noise({1, 2, 8}, 2)}, 1);

    const Attending causal(config, true);
    CHECK(close(first(causal.attention({.x = x}, true).y, 1, 4),
                first(causal.attention({.x = other}, true).y, 1, 4), 0.0) == "");

    const Attending encoder(config, false);
    const Tensor mask = Tensor::ints({1, 6}, std::vector<std::int32_t>{1, 1, 1, 1, 0, 0});
    CHECK(close(first(encoder.attention({.x = x, .mask = mask}, false).y, 1, 4),
                first(encoder.attention({.x = other, .mask = mask}, false).y, 1, 4), 0.0) == "");
    // a token that is masked itself attends to all alike
    const Tensor y = encoder.attention({.x = x, .mask = mask}, false).y;
    CHECK(close(ops::slice(y, 1, 4, 5), ops::slice(y, 1, 5, 6), 1e-6) == "");
}

TEST_CASE("attention to the largest score alone takes that key's value", "[x_transformer]") {
    const AttentionLayersConfig config{
        .dim = 8, .depth = 1, .heads = 1, .dim_head = 8, .sparse_topk = 1};
    const AttentionLayersConfig all{.dim = 8, .depth = 1, .heads = 1, .dim_head = 8};
    const Attending one(config, false), every(all, false);
    // with one key there is nothing to choose
    const Tensor x = noise({1, 5, 8}, 3), key = noise({1, 1, 8}, 4);
    CHECK(close(one.attention({.x = x, .context = key}, false).y,
                every.attention({.x = x, .context = key}, false).y, 1e-6) == "");
    // of two keys, those that are left out change nothing
    const Tensor scores = every.attention({.x = first(x, 1, 1), .context = x}, true).scores;
    std::int64_t best = 0;
    for (std::int64_t j = 1; j < 5; ++j)
        if (scores.values()[j] > scores.values()[best]) best = j;
    CHECK(close(one.attention({.x = first(x, 1, 1), .context = x}, false).y,
                every
                    .attention({.x = first(x, 1, 1), .context = ops::slice(x, 1, best, best + 1)},
                               false)
                    .y,
                1e-6) == "");
}

TEST_CASE("a transformer refuses what it cannot read", "[x_transformer]") {
    test::StoredModel stored("12_conditioners/TransformerWrapper.encoder");
    const TransformerWrapper transformer(stored.params(),
                                         TransformerConfig::from_json(stored.config()));
    const auto read = [](const TransformerWrapper& reader, const std::vector<std::int32_t>& ids,
                         const Tensor& context = {}) {
        const Tensor tokens = Tensor::ints({1, std::ssize(ids)}, ids);
        return reader.encode(
            {.token_embeddings = reader.token_embeddings(tokens), .context = context});
    };
    CHECK(read(transformer, {1, 2}).shape() == Shape{1, 2, 24});
    CHECK_THROWS_WITH(read(transformer, std::vector<std::int32_t>(11, 1)),
                      has_text("11 tokens are more than the 10"));
    CHECK_THROWS_AS(read(transformer, {19}), Error);
    CHECK_THROWS_WITH(read(transformer, {1}, Tensor::zeros({1, 1, 24})),
                      has_text("reads no context"));
    test::StoredModel cross("12_conditioners/TransformerWrapper.only_cross_gated");
    const TransformerWrapper reads_context(cross.params(),
                                           TransformerConfig::from_json(cross.config()));
    CHECK_THROWS_WITH(read(reads_context, {1}), has_text("needs a context"));
}
