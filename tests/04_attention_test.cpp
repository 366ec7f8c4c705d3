#include "chapters/02_vae/attention.h"
#include "chapters/04_attention/attention_block.h"
#include "chapters/04_attention/cross_attention.h"
#include "chapters/04_attention/linear_attention.h"
#include "chapters/04_attention/spatial_self_attention.h"
#include "chapters/04_attention/variants/benchmark.h"
#include "chapters/04_attention/variants/variants.h"
#include "chapters/04_attention/verify.h"
#include "chapters/04_attention/word_maps.h"
#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/reference/reference.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

namespace ldm::attention {
namespace {

using ldm::test::has_text;
using test::close;
using test::noise;

/// Weights for layers of this chapter, by name.
struct Weights {
    nn::Checkpoint checkpoint;
    void linear(const std::string& name, std::int64_t in, std::int64_t out, bool bias = true) {
        checkpoint.add(name + ".weight", noise({out, in}, ++seed, 0.3f));
        if (bias) checkpoint.add(name + ".bias", noise({out}, ++seed, 0.3f));
    }
    void convolution(const std::string& name, std::int64_t in, std::int64_t out,
                     bool flat = false) {
        checkpoint.add(name + ".weight",
                       noise(flat ? Shape{out, in, 1} : Shape{out, in, 1, 1}, ++seed, 0.2f));
        checkpoint.add(name + ".bias", noise({out}, ++seed, 0.2f));
    }
    void norm(const std::string& name, std::int64_t channels) {
        checkpoint.add(name + ".weight", noise({channels}, ++seed));
        checkpoint.add(name + ".bias", noise({channels}, ++seed));
    }
    int seed = 0;
};

/// x [., 12] against words [., 10] in 2 heads of 6.
struct SmallCrossAttention : Weights {
    SmallCrossAttention() {
        linear("attn2.to_q", 12, 12, false);
        linear("attn2.to_k", 10, 12, false);
        linear("attn2.to_v", 10, 12, false);
        linear("attn2.to_out.0", 12, 12);
    }
    CrossAttention layer() {
        return {checkpoint.root() / "attn2",
                {.query_dim = 12, .context_dim = 10, .heads = 2, .dim_head = 6}};
    }
};

Tensor words_in_order(const Tensor& context, std::initializer_list<int> order) {
    std::vector<Tensor> words;
    for (int i : order) words.push_back(ops::slice(context, 1, i, i + 1));
    return ops::concat(words, 1);
}

Tensor as_heads(const Tensor& x) { return x.reshape({1, 1, x.dim(0), x.dim(1)}); }

}  // namespace

TEST_CASE("04_attention agrees with PyTorch on every stored case") {
    verify::Registry registry;
    register_components(registry);
    CHECK(registry.size() == 4);
    test::check_cases("04_attention", registry);
}

TEST_CASE("every variant computes what attention is defined to be") {
    struct Sizes {
        std::int64_t queries, keys, width, out;
    };
    const auto [queries, keys, width, out] =
        GENERATE(Sizes{1, 1, 1, 1}, Sizes{5, 7, 3, 4}, Sizes{32, 64, 8, 8}, Sizes{33, 65, 40, 40},
                 Sizes{100, 300, 16, 5}, Sizes{3, 200, 80, 1});
    // large scores overflow exp() unless their maximum is subtracted
    const float size = GENERATE(0.01f, 1.0f, 20.0f);
    const Tensor q = noise({queries, width}, 1, size), k = noise({keys, width}, 2, size),
                 v = noise({keys, out}, 3);
    const Tensor expected = ops::reference::attention(as_heads(q), as_heads(k), as_heads(v), {})
                                .reshape({queries, out});
    INFO(queries << " queries, " << keys << " keys, width " << width << ", size " << size);
    // The rounding of a score r moves its weight by |r| 2^-24 of itself; scores grow with size^2.
    const double tolerance = 1e-5 * std::max(1.0f, size * size);
    CHECK(close(variants::naive(q, k, v), expected, tolerance) == "");
    CHECK(close(variants::tiled(q, k, v), expected, tolerance) == "");
    CHECK(close(variants::online_softmax(q, k, v), expected, tolerance) == "");
    CHECK(close(ops::scaled_dot_product_attention(as_heads(q), as_heads(k), as_heads(v)),
                expected.reshape({1, 1, queries, out}), tolerance) == "");
}

TEST_CASE("a variant says which operand does not fit") {
    const auto variant = GENERATE(variants::naive, variants::tiled, variants::online_softmax);
    CHECK_THROWS_WITH(variant(noise({4, 8}, 1), noise({5, 7}, 2), noise({5, 8}, 3)),
                      has_text("expected [5, 8], got [5, 7]"));
    CHECK_THROWS_WITH(variant(noise({4, 8}, 1), noise({5, 8}, 2), noise({6, 8}, 3)),
                      has_text("expected [5, 8], got [6, 8]"));
    CHECK_THROWS_WITH(variant(noise({4, 8}, 1), noise({0, 8}, 2), noise({0, 8}, 3)),
                      has_text("no keys"));
}

TEST_CASE("the benchmark says how many scores each variant has in memory") {
    const std::string table = variants::benchmark({256}, 8, 1).text();
    // 256 x 256 floats, 32 x 256, and a block of 64
    for (const char* memory : {" 256 KiB ", " 32 KiB ", " 256 B "})
        CHECK_THAT(table, has_text(memory));
}

TEST_CASE("the order of the words does not matter to cross-attention") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    const Tensor x = noise({2, 5, 12}, 1), words = noise({2, 4, 10}, 2);
    CHECK(close(attend(x, words_in_order(words, {3, 1, 0, 2})), attend(x, words), 1e-6) == "");
}

TEST_CASE("masking a key equals leaving it out") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    const Tensor x = noise({1, 5, 12}, 1), words = noise({1, 4, 10}, 2);
    const Tensor mask = Tensor::ints({1, 4}, std::vector{1, 0, 1, 0});
    CHECK(close(attend(x, words, mask), attend(x, words_in_order(words, {0, 2})), 1e-6) == "");
}

TEST_CASE("when all keys are masked, all have the same weight") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    Trace trace;
    attend(noise({1, 5, 12}, 1), noise({1, 4, 10}, 2),
           Tensor::ints({1, 4}, std::vector{0, 0, 0, 0}));
    CHECK(close(trace.find("attn2.weights"), Tensor::full({1, 2, 5, 4}, 0.25f), 1e-7) == "");
}

TEST_CASE("with a single key the result does not depend on the query") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    const Tensor word = noise({1, 1, 10}, 2);
    CHECK(close(attend(noise({1, 3, 12}, 1), word), attend(noise({1, 3, 12}, 9), word), 1e-6) ==
          "");
}

TEST_CASE("batch entries of cross-attention do not depend on each other") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    const Tensor x = noise({3, 5, 12}, 1), words = noise({3, 4, 10}, 2);
    const Tensor alone = attend(ops::slice(x, 0, 1, 2), ops::slice(words, 0, 1, 2));
    CHECK(close(ops::slice(attend(x, words), 0, 1, 2), alone, 1e-6) == "");
}

TEST_CASE("cross-attention records its attention weights on a Trace") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    const Tensor x = noise({2, 5, 12}, 1), words = noise({2, 4, 10}, 2);
    const Tensor mask = Tensor::ints({2, 4}, std::vector{1, 1, 0, 1, 1, 0, 1, 1});
    Trace trace;
    const Tensor y = attend(x, words, mask);
    const Tensor table = trace.find("attn2.weights");
    REQUIRE(table);
    CHECK(table.shape() == Shape{2, 2, 5, 4});
    CHECK(close(ops::sum(table, {3}), Tensor::full({2, 2, 5}, 1.0f), 1e-6) == "");
    // batch entry 0, word 2 is masked
    CHECK(table.data()[2] == 0.0f);
    CHECK(close(trace.find("attn2"), y, 0.0) == "");

    // The table is what the output was made with: out = merge(table v) W_o + b.
    // [N, M, heads d], heads side by side
    const Tensor v = trace.find("attn2.to_v");
    const Tensor v_heads = ops::permute(v.reshape({2, 4, 2, 6}), {0, 2, 1, 3});
    const Tensor mixed =
        ops::permute(ops::matmul(table, v_heads), {0, 2, 1, 3}).reshape({2, 5, 12});
    const nn::Linear to_out(weights.checkpoint.root() / "attn2" / "to_out" / 0, 12, 12);
    CHECK(close(to_out(mixed), y, 1e-5) == "");
}

TEST_CASE("one head makes both orders of qkv the same, two heads do not") {
    const auto heads = GENERATE(1, 2);
    Weights weights;
    weights.norm("norm", 64);
    weights.convolution("qkv", 64, 192, true);
    weights.convolution("proj_out", 64, 64, true);
    const AttentionBlock legacy(weights.checkpoint.root(), {.channels = 64, .num_heads = heads});
    const AttentionBlock modern(
        weights.checkpoint.root(),
        {.channels = 64, .num_heads = heads, .use_new_attention_order = true});
    const Tensor x = noise({1, 64, 3, 2}, 50);
    CHECK((close(legacy(x), modern(x), 1e-6) == "") == (heads == 1));
}

TEST_CASE("AttentionBlock starts as the identity when proj_out is zero") {
    Weights weights;
    weights.norm("norm", 32);
    weights.convolution("qkv", 32, 96, true);
    weights.checkpoint.add("proj_out.weight", Tensor::zeros({32, 32, 1}));
    weights.checkpoint.add("proj_out.bias", Tensor::zeros({32}));
    const AttentionBlock block(weights.checkpoint.root(), {.channels = 32, .num_head_channels = 8});
    const Tensor x = noise({2, 32, 3, 5}, 50);
    CHECK(close(block(x), x, 0.0) == "");
}

TEST_CASE("AttentionBlock counts its heads as upstream does") {
    CHECK(AttentionBlock::Config{.channels = 64}.heads() == 1);
    CHECK(AttentionBlock::Config{.channels = 64, .num_heads = 4}.heads() == 4);
    CHECK(AttentionBlock::Config{.channels = 64, .num_heads = 4, .num_head_channels = 32}.heads() ==
          2);
    CHECK_THROWS_WITH((AttentionBlock::Config{.channels = 64, .num_heads = 3}.heads()),
                      has_text("64 channels cannot be cut into heads"));
    CHECK_THROWS_AS((AttentionBlock::Config{.channels = 64, .num_head_channels = 48}.heads()),
                    Error);
    CHECK_THROWS_AS((AttentionBlock::Config{.channels = 64, .num_heads = 0}.heads()), Error);
}

TEST_CASE("SpatialSelfAttention is the VAE's AttnBlock under another name") {
    Weights weights;
    weights.norm("norm", 32);
    for (const char* name : {"q", "k", "v", "proj_out"}) weights.convolution(name, 32, 32);
    const SpatialSelfAttention here(weights.checkpoint.root(), {.in_channels = 32});
    const vae::AttnBlock there(weights.checkpoint.root(), 32);
    const Tensor x = noise({2, 32, 4, 3}, 50);
    CHECK(close(here(x), there(x), 0.0) == "");
}

TEST_CASE("linear attention is equivariant: it does not depend on where a pixel is") {
    Weights weights;
    weights.checkpoint.add("to_qkv.weight", noise({3 * 2 * 5, 6, 1, 1}, 1, 0.3f));
    weights.convolution("to_out", 10, 6);
    const LinearAttention attend(weights.checkpoint.root(), {.dim = 6, .heads = 2, .dim_head = 5});
    const Tensor x = noise({1, 6, 2, 3}, 50);
    const Tensor turned = ops::permute(x, {0, 1, 3, 2});
    CHECK(close(attend(turned), ops::permute(attend(x), {0, 1, 3, 2}), 1e-6) == "");
}

TEST_CASE("gradients of cross-attention agree with differences") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    CHECK(test::gradients_agree([&](const auto& in) { return attend(in[0], in[1]); },
                                {noise({1, 3, 12}, 1), noise({1, 4, 10}, 2)}) == "");
}

TEST_CASE("the tokens of a prompt are grouped into words") {
    const std::vector<text::Merge> merges{{"c", "a"}, {"ca", "t</w>"}, {"d", "o"}};
    const text::ClipTokenizer tokenizer(merges);
    // start cat do g ! end, padding
    const auto ids = tokenizer.encode("cat dog!", 10).input_ids;
    const std::vector<Word> words = words_of(tokenizer, Tensor::ints({1, 10}, ids));
    std::vector<std::string> texts;
    for (const Word& word : words) texts.push_back(word.text);
    CHECK(texts == std::vector<std::string>{"(start)", "cat", "dog", "!", "(end)", "(padding)"});
    CHECK(words[1].tokens == std::vector{1});
    CHECK(words[2].tokens == std::vector{2, 3});
    CHECK(words[4].tokens == std::vector{5});
    CHECK(words[5].tokens == std::vector{6, 7, 8, 9});

    // cut: no padding
    const auto full = tokenizer.encode("cat cat cat", 4).input_ids;
    CHECK(words_of(tokenizer, Tensor::ints({1, 4}, full)).back().text == "(end)");
}

TEST_CASE("attention layers say what does not fit") {
    SmallCrossAttention weights;
    const CrossAttention attend = weights.layer();
    CHECK_THROWS_AS(attend(noise({1, 5, 11}, 1), noise({1, 4, 10}, 2)), Error);
    CHECK_THROWS_AS(attend(noise({1, 5, 12}, 1), noise({1, 4, 12}, 2)), Error);
    CHECK_THROWS_AS(attend(noise({2, 5, 12}, 1), noise({1, 4, 10}, 2)), Error);
    CHECK_THROWS_AS(attend(noise({1, 5, 12}, 1), noise({1, 4, 10}, 2),
                           Tensor::ints({1, 3}, std::vector{1, 1, 1})),
                    Error);
    CHECK_THROWS_WITH(CrossAttention::Config::from_json({{"query_dim", 4}, {"qk_norm", true}}),
                      has_text("qk_norm"));
    CHECK_THROWS_WITH(CrossAttention::Config::from_json({{"heads", 4}}), has_text("query_dim"));
    CHECK_THROWS_WITH(AttentionBlock::Config::from_json({{"channels", 32}, {"heads", 4}}),
                      has_text("heads"));
    CHECK_THROWS_WITH(SpatialSelfAttention::Config::from_json({{"channels", 32}}),
                      has_text("channels"));
    CHECK_THROWS_WITH(LinearAttention::Config::from_json({{"dim", 32}, {"scale", 1}}),
                      has_text("scale"));
}

}  // namespace ldm::attention
