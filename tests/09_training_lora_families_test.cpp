#include <limits>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/families.h"
#include "chapters/09_training/lora/dora.h"
#include "chapters/09_training/lora/layer_names.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/09_training/lora/lora_parts.h"
#include "common/ops/elementwise.h"
#include "tests/support/lora_files.h"

// The numbers of each family are checked by the cases LoraMerge.*; here is what files look like.

using namespace ldm;
using namespace ldm::train;
using test::close;
using test::HandMade;
using test::has_text;
using test::noise;
using test::Small;
using test::to_q;
using test::to_q_diffusers;
using test::to_q_kohya;

namespace {

using Parts = std::map<std::string, Tensor>;

/// The parts of every family, for a weight [64, 64] or, where it says so, [64, 32, 3, 3].
const Parts lora_parts = {{".lora_down.weight", noise({2, 64}, 1)},
                          {".lora_up.weight", noise({64, 2}, 2)}};
const Parts tucker_parts = {{".lora_down.weight", noise({2, 32, 1, 1}, 1)},
                            {".lora_mid.weight", noise({2, 2, 3, 3}, 2)},
                            {".lora_up.weight", noise({64, 2, 1, 1}, 3)}};
const Parts loha_parts = {{".hada_w1_a", noise({64, 2}, 1)},
                          {".hada_w1_b", noise({2, 64}, 2)},
                          {".hada_w2_a", noise({64, 2}, 3)},
                          {".hada_w2_b", noise({2, 64}, 4)}};
const Parts lokr_parts = {{".lokr_w1", noise({8, 4}, 1)},
                          {".lokr_w2_a", noise({8, 2}, 2)},
                          {".lokr_w2_b", noise({2, 16}, 3)}};

constexpr const char* conv = "model.diffusion_model.input_blocks.4.0.in_layers.2.weight";
constexpr const char* conv_kohya = "lora_unet_down_blocks_1_resnets_0_conv1";

struct Model : Small {
    nn::Checkpoint checkpoint;

    Model() { add_weights(weights, checkpoint); }

    WeightChanges read(const std::filesystem::path& path) const {
        return read_lora(path, checkpoint, config);
    }
};

/// A file with these parts of a layer, without those that end like `missing`.
std::filesystem::path write(HandMade& file, const std::string& layer, const Parts& parts,
                            const std::string& missing = "-") {
    for (const auto& [part, x] : parts)
        if (part != missing) file.add(layer + part, x);
    return file.write();
}

template <class Family>
const Family& family_of(const WeightChanges& changes, const std::string& name) {
    REQUIRE(changes.size() == 1);
    REQUIRE(changes.contains(name));
    REQUIRE(std::holds_alternative<Family>(changes.at(name).family));
    return std::get<Family>(changes.at(name).family);
}

}  // namespace

TEST_CASE("the names in a file say of which family it is") {
    const Model model;
    HandMade lora, tucker, loha, lokr, whole;
    CHECK(family_of<LoraLayer>(model.read(write(lora, to_q_kohya, lora_parts)), to_q).rank() == 2);
    CHECK(family_of<TuckerLora>(model.read(write(tucker, conv_kohya, tucker_parts)), conv).alpha ==
          // without alpha, the rank
          2.0f);
    CHECK(family_of<Loha>(model.read(write(loha, to_q_kohya, loha_parts)), to_q).alpha == 2.0f);
    CHECK(family_of<Lokr>(model.read(write(lokr, to_q_kohya, lokr_parts)), to_q).scale() == 1.0f);
    whole.add(to_q_kohya + std::string(".alpha"), Tensor::scalar(5));
    const Lokr two_matrices = family_of<Lokr>(
        model.read(write(whole, to_q_kohya,
                         {{".lokr_w1", noise({8, 4}, 1)}, {".lokr_w2", noise({8, 16}, 2)}})),
        to_q);
    CHECK(two_matrices.scale() == 1.0f);
}

TEST_CASE("a DoRA is known by its magnitude, of PEFT and of kohya, on top of any family") {
    Model model;
    const auto magnitude = [&](const char* layer, const std::string& name, const Shape& shape,
                               const Parts& parts) {
        HandMade file;
        file.add(layer + name, noise(shape, 9));
        const WeightChanges changes = model.read(write(file, layer, parts));
        REQUIRE(changes.size() == 1);
        const auto& [weight, change] = *changes.begin();
        CHECK(misfit_of(change, model.weights.at(weight).shape()) == "");
        return change.dora_magnitude.shape();
    };
    CHECK(magnitude(to_q_kohya, ".dora_scale", {64, 1}, lora_parts) == Shape{64, 1});
    CHECK(magnitude(to_q_kohya, ".dora_scale", {1, 64}, loha_parts) == Shape{1, 64});
    CHECK(magnitude(to_q_kohya, ".dora_scale", {64, 1}, lokr_parts) == Shape{64, 1});
    CHECK(magnitude(conv_kohya, ".dora_scale", {1, 32, 1, 1}, tucker_parts) == Shape{1, 32, 1, 1});
    CHECK(magnitude(to_q_diffusers, ".lora_magnitude_vector", {64}, lora_parts) == Shape{64});
    // of a convolution, PEFT's looks like LyCORIS's for inputs
    CHECK(magnitude(conv_kohya, ".lora_magnitude_vector", {1, 64, 1, 1}, tucker_parts) ==
          Shape{64});

    CHECK(dora_misfit({64}, {64, 32}).empty());
    CHECK(dora_misfit({64, 1}, {64, 32}).empty());
    CHECK(dora_misfit({1, 32}, {64, 32}).empty());
    for (const Shape& wrong : {Shape{32}, {1, 64}, {32, 1}, {64, 32}, {}, {0}, {1, 64, 32}})
        CHECK_THAT(dora_misfit(wrong, {64, 32}), has_text("[64, 32]"));
}

TEST_CASE("several LoRAs are each relative to the base weight: DoRAs in any order") {
    const Model model;
    HandMade one, other;
    one.add(to_q_kohya + std::string(".dora_scale"), noise({64, 1}, 5));
    other.add(to_q_kohya + std::string(".dora_scale"), noise({1, 64}, 6));
    const WeightChanges a = model.read(write(one, to_q_kohya, lora_parts)),
                        b = model.read(write(other, to_q_kohya, loha_parts));
    const Tensor base = model.weights.at(to_q);
    const auto merged = [&](const std::vector<AddedLora>& loras) {
        nn::Checkpoint checkpoint;
        add_weights(model.weights, checkpoint);
        merge(checkpoint, loras);
        return checkpoint.root().get(to_q, base.shape());
    };
    const Tensor expected =
        base + 0.5f * change_of(a.at(to_q), base) + 2.0f * change_of(b.at(to_q), base);
    CHECK(close(merged({{a, 0.5f}, {b, 2.0f}}), expected, 1e-6) == "");
    CHECK(close(merged({{b, 2.0f}, {a, 0.5f}}), expected, 1e-5) == "");
    CHECK(close(merged({{a, 0.0f}, {b, 0.0f}}), base, 0.0) == "");
}

TEST_CASE("full differences reach weights, biases and norms") {
    Model model;
    const std::string block = "model.diffusion_model.input_blocks.4.0.";
    const Tensor kernel = noise({64, 32, 3, 3}, 1), bias = noise({64}, 2), norm = noise({32}, 3);
    HandMade file;
    file.add(conv_kohya + std::string(".diff"), kernel)
        .add(conv_kohya + std::string(".diff_b"), bias)
        .add("lora_unet_down_blocks_1_resnets_0_norm1.w_norm", norm)
        .add("lora_unet_down_blocks_1_resnets_0_norm1.b_norm", norm);
    const WeightChanges changes = model.read(file.write());
    CHECK(changes.size() == 4);
    merge(model.checkpoint, {{changes, 0.5f}});
    for (const auto& [name, x] : Parts{{"in_layers.2.weight", kernel},
                                       {"in_layers.2.bias", bias},
                                       {"in_layers.0.weight", norm},
                                       {"in_layers.0.bias", norm}})
        CHECK(close(model.checkpoint.root().get(block + name, x.shape()),
                    model.weights.at(block + name) + 0.5f * x, 0.0) == "");
}

TEST_CASE("a file of torch.save is read, and attention processors without a prefix") {
    const Model model;
    HandMade file;
    const std::string attention =
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora";
    file.add(attention + ".down.weight", lora_parts.at(".lora_down.weight"))
        .add(attention + ".up.weight", lora_parts.at(".lora_up.weight"));
    for (const auto& path : {file.write(), file.write_torch()})
        CHECK(close(family_of<LoraLayer>(model.read(path), to_q).down,
                    lora_parts.at(".lora_down.weight"), 0.0) == "");
    HandMade lycoris, old;
    CHECK(model
              .read(write(lycoris,
                          "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
                          loha_parts))
              .contains(to_q));
    const std::string projection = "text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora";
    old.add(projection + ".down.weight", noise({2, 16}, 1))
        .add(projection + ".up.weight", noise({16, 2}, 2));
    CHECK(model.read(old.write())
              .contains("cond_stage_model.transformer.text_model.encoder.layers.0.self_attn."
                        "out_proj.weight"));
}

TEST_CASE("what does not belong to a LoRA's layers is left out; the rest is whole") {
    const Model model;
    HandMade file;
    file.add("bundle_emb.cat.string_to_param.*", noise({1, 16}, 1)).add("step", Tensor::scalar(1));
    CHECK(model.read(write(file, to_q_kohya, lora_parts)).size() == 1);
}

TEST_CASE("kinds of changes that cannot be read are refused by name") {
    const Model model;
    for (const auto& [part, kind] : std::map<std::string, std::string>{
             {".oft_blocks", "an OFT"},
             {".oft_diag", "an OFT"},
             {".boft_R", "a BOFT"},
             {".on_input", "an IA3"},
             {".a1.weight", "a GLoRA"},
             {".b2.weight", "a GLoRA"},
             {".vera_lambda_b", "a VeRA"},
             {".lora_B.bias", "a LoRA with biases"},
         }) {
        HandMade file;
        file.add(to_q_kohya + part, noise({4, 4}, 1));
        CHECK_THROWS_WITH(model.read(write(file, to_q_kohya, lora_parts)),
                          has_text(": " + kind) && has_text("which cannot be read") &&
                              has_text(to_q_kohya + part) && !has_text("\n"));
    }
}

TEST_CASE("a family of which a part is missing is refused by the part's name") {
    const Model model;
    const auto refused = [&](const Parts& parts, const std::string& missing,
                             const std::string& words) {
        HandMade file;
        const auto path = write(file, to_q_kohya, parts, missing);
        CHECK_THROWS_WITH(model.read(path),
                          has_text(words) && has_text("attn1.to_q") && !has_text("\n"));
    };
    refused(loha_parts, ".hada_w2_b", "lacks its hada_w2_b");
    refused(loha_parts, ".hada_w1_a", "lacks its hada_w1_a");
    refused(lokr_parts, ".lokr_w2_a", "lacks its lokr_w2_a");
    refused(lokr_parts, ".lokr_w1", "has no product");
    refused(tucker_parts, ".lora_up.weight", "lacks its lora_up");
    refused({{".dora_scale", noise({64, 1}, 1)}}, "-", "has no product");
    refused({{".diff", noise({64, 64}, 1)}, {".dora_scale", noise({64, 1}, 1)}}, "-",
            "a full difference and a DoRA's magnitude");
    Parts both = loha_parts;
    both.insert(lora_parts.begin(), lora_parts.end());
    refused(both, "-", "has a hada_w1_a that belongs to no other part");
    Parts rank_0 = loha_parts;
    rank_0[".hada_w1_b"] = Tensor::zeros({0, 64});
    refused(rank_0, "-", "a hada_w1_b of [0, 64]");
    Parts alpha = lokr_parts;
    alpha[".alpha"] = Tensor::scalar(std::numeric_limits<float>::quiet_NaN());
    HandMade file;
    CHECK_THROWS_WITH(model.read(write(file, to_q_kohya, alpha)), has_text("not finite"));
}

TEST_CASE("shapes that do not fit the model are refused before anything is computed") {
    const Model model;
    const auto refused = [&](const char* layer, const Parts& parts, const std::string& words) {
        HandMade file;
        const WeightChanges changes = model.read(write(file, layer, parts));
        nn::Checkpoint checkpoint;
        add_weights(model.weights, checkpoint);
        CHECK_THROWS_WITH(
            merge(checkpoint, {{changes, 1.0f, "cat"}}),
            has_text(words) && has_text("cat: '" + changes.begin()->first) && !has_text("\n"));
        CHECK(checkpoint.names().size() == model.weights.size());
    };
    const auto with = [](Parts parts, const char* name, const Shape& shape) {
        parts[name] = noise(shape, 1);
        return parts;
    };
    refused(to_q_kohya, with(loha_parts, ".hada_w1_a", {32, 2}), "factor [32, 64]");
    refused(to_q_kohya, with(loha_parts, ".hada_w1_b", {3, 64}), "[64, 2] times [3, 64]");
    refused(to_q_kohya, with(loha_parts, ".hada_w1_b", {2, 64, 1}), "is no product");
    refused(to_q_kohya, with(loha_parts, ".hada_t1", {2, 2, 3, 3}), "core [2, 2, 3, 3]");
    refused(to_q_kohya, with(loha_parts, ".hada_t1", {3, 2}), "core [3, 2]");
    refused(to_q_kohya, with(lokr_parts, ".lokr_w1", {8, 5}), "[8, 5] and [8, 16]");
    refused(to_q_kohya, with(lokr_parts, ".lokr_w1", {4, 8}), "[4, 8] and [8, 16]");
    refused(to_q_kohya, with(lokr_parts, ".lokr_w1", {64}), "is no matrix");
    refused(to_q_kohya, with(lokr_parts, ".lokr_t2", {2, 2, 3, 3}), "LoKr");
    refused(conv_kohya, with(tucker_parts, ".lora_mid.weight", {2, 3, 3, 3}), "mid [2, 3, 3, 3]");
    refused(conv_kohya, with(tucker_parts, ".lora_mid.weight", {2, 2, 5, 5}), "[64, 32, 3, 3]");
    refused(conv_kohya, with(tucker_parts, ".lora_down.weight", {2, 32, 3, 3}), "down");
    refused(to_q_kohya, {{".diff", noise({32, 64}, 1)}}, "a difference [32, 64]");
    refused(to_q_kohya, with(lora_parts, ".dora_scale", {32, 1}), "a DoRA's magnitude [32, 1]");
}

TEST_CASE("a LoRA of another family of models is refused by its name, from its header") {
    const Model model;
    const auto refused = [&](const std::string& name, const Shape& shape,
                             const std::string& words) {
        HandMade file;
        file.add(name, noise(shape, 1));
        CHECK_THROWS_WITH(model.read(file.write()), has_text(words) && !has_text("\n"));
    };
    const std::string attention = "transformer_blocks_0_attn2_to_k.";
    refused(
        "lora_unet_down_blocks_1_attentions_0_" + attention + "lora_down.weight", {2, 768},
        "a LoRA for Stable Diffusion 1.x, where a token's text is 768 wide; this model's is 16");
    refused("lora_unet_input_blocks_4_1_" + attention + "hada_w1_b", {2, 1024},
            "Stable Diffusion 2.x");
    refused("lora_unet_input_blocks_4_1_" + attention + "lora_down.weight", {2, 2048}, "SDXL");
    refused("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight",
            {2, 1024}, "Stable Diffusion 2.x");
    refused("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", {2, 16},
            "SDXL, for it has a second text encoder");
}
