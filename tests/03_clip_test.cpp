#include <cmath>

#include "chapters/03_clip/clip_model.h"
#include "chapters/03_clip/contrastive_loss.h"
#include "chapters/03_clip/verify.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

namespace ldm::clip {
namespace {

using ldm::test::has_text;
using test::close;
using test::noise;

constexpr int start = 18, end_of_text = 19;

io::Json text_config() {
    return {{"vocab_size", 20},
            {"hidden_size", 8},
            {"intermediate_size", 16},
            {"num_hidden_layers", 2},
            {"num_attention_heads", 2},
            {"max_position_embeddings", 6},
            {"bos_token_id", start},
            {"eos_token_id", end_of_text},
            {"pad_token_id", end_of_text},
            {"hidden_act", "quick_gelu"}};
}

io::Json vision_config() {
    return {{"hidden_size", 8},         {"intermediate_size", 16}, {"num_hidden_layers", 1},
            {"num_attention_heads", 2}, {"image_size", 6},         {"patch_size", 3},
            {"hidden_act", "gelu"}};
}

void add_transformer(nn::Checkpoint& weights, const std::string& path, int layers) {
    int seed = 1;
    for (int i = 0; i < layers; ++i) {
        const std::string layer = path + ".layers." + std::to_string(i) + ".";
        for (const char* norm : {"layer_norm1", "layer_norm2"}) {
            weights.add(layer + norm + ".weight", noise({8}, ++seed));
            weights.add(layer + norm + ".bias", noise({8}, ++seed));
        }
        for (const char* name :
             {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"}) {
            weights.add(layer + name + ".weight", noise({8, 8}, ++seed));
            weights.add(layer + name + ".bias", noise({8}, ++seed));
        }
        weights.add(layer + "mlp.fc1.weight", noise({16, 8}, ++seed));
        weights.add(layer + "mlp.fc1.bias", noise({16}, ++seed));
        weights.add(layer + "mlp.fc2.weight", noise({8, 16}, ++seed));
        weights.add(layer + "mlp.fc2.bias", noise({8}, ++seed));
    }
}

struct SmallClip {
    nn::Checkpoint weights;
    SmallClip() {
        weights.add("text_model.embeddings.token_embedding.weight", noise({20, 8}, 101));
        weights.add("text_model.embeddings.position_embedding.weight", noise({6, 8}, 102));
        weights.add("text_model.final_layer_norm.weight", noise({8}, 103));
        weights.add("text_model.final_layer_norm.bias", noise({8}, 104));
        add_transformer(weights, "text_model.encoder", 2);
        weights.add("vision_model.embeddings.class_embedding", noise({8}, 105));
        weights.add("vision_model.embeddings.patch_embedding.weight", noise({8, 3, 3, 3}, 106));
        weights.add("vision_model.embeddings.position_embedding.weight", noise({5, 8}, 107));
        for (const char* norm : {"pre_layrnorm", "post_layernorm"}) {
            weights.add(std::string("vision_model.") + norm + ".weight", noise({8}, 108));
            weights.add(std::string("vision_model.") + norm + ".bias", noise({8}, 109));
        }
        add_transformer(weights, "vision_model.encoder", 1);
        weights.add("text_projection.weight", noise({4, 8}, 110));
        weights.add("visual_projection.weight", noise({4, 8}, 111));
        weights.add("logit_scale", Tensor::scalar(2.6592f));
    }
    ClipModel model() {
        return {weights.root(), ClipModel::Config::from_json({{"text_config", text_config()},
                                                              {"vision_config", vision_config()},
                                                              {"projection_dim", 4}})};
    }
};

Tensor sentence(std::vector<std::int32_t> ids) {
    return Tensor::ints({1, static_cast<std::int64_t>(ids.size())}, ids);
}

}  // namespace

TEST_CASE("03_clip agrees with PyTorch on every stored case") {
    verify::Registry registry;
    register_components(registry);
    CHECK(registry.size() == 3);
    test::check_cases("03_clip", registry);
}

TEST_CASE("the text tower is causal: a token does not depend on those after it") {
    SmallClip clip;
    const ClipModel model = clip.model();
    const Tensor a = model.text()(sentence({start, 3, 4, 5, 6, end_of_text}));
    const Tensor b = model.text()(sentence({start, 3, 4, 9, 9, end_of_text}));
    CHECK(close(ops::slice(a, 1, 0, 3), ops::slice(b, 1, 0, 3), 0.0) == "");
    CHECK(close(ops::slice(a, 1, 3, 4), ops::slice(b, 1, 3, 4), 1e-3) != "");
}

TEST_CASE("a text may be shorter than the table of positions, but not longer") {
    SmallClip clip;
    const ClipModel model = clip.model();
    const Tensor whole =
        model.text()(sentence({start, 3, 4, end_of_text, end_of_text, end_of_text}));
    const Tensor part = model.text()(sentence({start, 3, 4, end_of_text}));
    CHECK(close(ops::slice(whole, 1, 0, 4), part, 1e-6) == "");
    CHECK_THROWS_WITH(model.text()(sentence({start, 1, 2, 3, 4, 5, end_of_text})),
                      has_text("7 tokens: the model reads at most 6"));
    CHECK_THROWS_AS(model.text()(sentence({start, 20, end_of_text})), Error);
}

TEST_CASE("the text's feature is read at its first end token") {
    SmallClip clip;
    const ClipModel model = clip.model();
    const Tensor ids = sentence({start, 3, end_of_text, end_of_text, end_of_text, end_of_text});
    const Tensor y = model.text()(ids);
    CHECK(close(model.text().pool(y, ids), ops::slice(y, 1, 2, 3).reshape({1, 8}), 0.0) == "");

    // OpenAI's published configuration says 2: then the largest id counts, not the first 2.
    io::Json config = text_config();
    config["eos_token_id"] = 2;
    const TextEncoder legacy(clip.weights.root(), TextEncoder::Config::from_json(config));
    const Tensor two = sentence({start, 2, 4, end_of_text, 1, 1});
    const Tensor z = legacy(two);
    CHECK(close(legacy.pool(z, two), ops::slice(z, 1, 3, 4).reshape({1, 8}), 0.0) == "");
}

TEST_CASE("a checkpoint may carry the position_ids of older versions") {
    SmallClip clip;
    clip.weights.add("text_model.embeddings.position_ids", Tensor::zeros({1, 6}));
    clip.weights.add("vision_model.embeddings.position_ids", Tensor::zeros({1, 5}));
    clip.model();
    clip.weights.check("the checkpoint");
    CHECK(clip.weights.unused().empty());
}

TEST_CASE("the image tower is not causal: a token depends on all patches") {
    SmallClip clip;
    const ClipModel model = clip.model();
    Tensor x = noise({1, 3, 6, 6}, 1);
    const Tensor before = model.image()(x);
    CHECK(before.shape() == Shape{1, 5, 8});
    // a pixel of the last patch
    x.data()[35] += 1.0f;
    const Tensor after = model.image()(x);
    CHECK(close(ops::slice(after, 1, 0, 1), ops::slice(before, 1, 0, 1), 1e-3) != "");
    CHECK_THROWS_WITH(model.image()(noise({1, 3, 6, 9}, 1)), has_text("expected [1, 3, 6, 6]"));
}

TEST_CASE("cosine similarity: 1 with itself, -1 with its opposite, whatever the length") {
    const Tensor a = noise({3, 5}, 1);
    const Tensor s = cosine_similarity(a, a * 7.0f);
    for (int i = 0; i < 3; ++i) CHECK(s.data()[i * 3 + i] == Approx(1.0f));
    CHECK(cosine_similarity(a, -a).data()[4] == Approx(-1.0f));
    CHECK(cosine_similarity(Tensor::from({1, 2}, {3, 0}), Tensor::from({1, 2}, {0, 5})).item() ==
          0.0f);
}

TEST_CASE("the contrastive loss is log N for equal logits, and falls to 0 for the right ones") {
    CHECK(contrastive_loss(Tensor::full({4, 4}, 3.0f)).item() == Approx(std::log(4.0f)));
    CHECK(contrastive_loss(Tensor::from({2, 2}, {50, 0, 0, 50})).item() ==
          Approx(0.0f).margin(1e-6));
    const Tensor logits = noise({5, 5}, 1);
    CHECK(contrastive_loss(logits).item() ==
          Approx(contrastive_loss(ops::permute(logits, {1, 0})).item()));
    CHECK_THROWS_AS(contrastive_loss(noise({3, 4}, 1)), Error);
}

TEST_CASE("zero-shot gives each picture's probabilities of all texts") {
    const Tensor p = zero_shot(noise({3, 6}, 1));
    CHECK(close(ops::sum(p, {1}), Tensor::full({3}, 1.0f), 1e-6) == "");
}

TEST_CASE("logits are cosines times exp(logit_scale), 1 / 0.07 to begin with") {
    SmallClip clip;
    const ClipModel model = clip.model();
    const Tensor a = noise({3, 4}, 1), b = noise({2, 4}, 2);
    CHECK(close(model.logits_per_text(a, b), cosine_similarity(a, b) / 0.07f, 1e-3) == "");
}

TEST_CASE("a projection_dim that no model has is refused by name") {
    for (const std::int64_t width : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40})
        CHECK_THROWS_WITH(ClipModel::Config::from_json({{"text_config", text_config()},
                                                        {"vision_config", vision_config()},
                                                        {"projection_dim", width}}),
                          has_text("'projection_dim'"));
}

TEST_CASE("CLIP's configuration names what it does not know") {
    io::Json config = text_config();
    config["hidden_act"] = "relu";
    CHECK_THROWS_WITH(TextEncoder::Config::from_json(config),
                      has_text("hidden_act") && has_text("relu"));
    config = text_config();
    config["layer_norm_eps"] = 1e-6;
    CHECK_THROWS_WITH(TextEncoder::Config::from_json(config), has_text("layer_norm_eps"));
    config = text_config();
    config["num_attention_heads"] = 3;
    CHECK_THROWS_WITH(TextEncoder::Config::from_json(config), has_text("num_attention_heads"));
    config = vision_config();
    config["patch_size"] = 7;
    CHECK_THROWS_WITH(ImageEncoder::Config::from_json(config), has_text("patch_size"));
}

}  // namespace ldm::clip
