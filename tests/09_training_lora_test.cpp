#include <algorithm>
#include <cmath>

#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/09_training/optimizer/adam.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "common/io/atomic_file.h"
#include "common/io/half.h"
#include "common/nn/layers.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "tests/support/lora_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::train;
using test::changes_of;
using test::close;
using test::HandMade;
using test::noise;
using test::Small;
using test::to_q;
using test::to_q_diffusers;
using test::to_q_kohya;

namespace {

/// A LoRA that has learned something.
Lora trained(const Weights& weights, const std::function<bool(const std::string&)>& chosen,
             int rank = 2, float alpha = 1.0f) {
    Lora lora = initial_lora(weights, chosen, rank, alpha, 7);
    int seed = 1;
    for (auto& [name, layer] : lora) layer.up = noise(layer.up.shape(), seed++, 0.3f);
    return lora;
}

/// The LoRA of the only layer that a file changes in a test.
const LoraLayer& layer_of(const WeightChanges& changes) {
    REQUIRE(changes.contains(to_q));
    return std::get<LoraLayer>(changes.at(to_q).family);
}

bool same(const WeightChanges& a, const Lora& b) {
    return a.size() == b.size() && std::ranges::equal(a, b, [](const auto& x, const auto& y) {
               const LoraLayer& layer = std::get<LoraLayer>(x.second.family);
               return x.first == y.first && layer.alpha == y.second.alpha &&
                      close(layer.down, y.second.down, 0.0) == "" &&
                      close(layer.up, y.second.up, 0.0) == "";
           });
}

}  // namespace

// ---- the change

TEST_CASE("a LoRA adapts the four projections of every attention by default") {
    const Small small;
    const Lora lora = initial_lora(small.weights, layers_with(attention_layers), 4, 4.0f, 1);
    CHECK(lora.size() ==
          // six SpatialTransformers (2 down, 1 middle, 3 up) of two attentions
          6 * 8);
    for (const auto& [name, layer] : lora) {
        CHECK((name.find(".attn1.") != std::string::npos ||
               name.find(".attn2.") != std::string::npos));
        CHECK(layer.rank() == 4);
    }
    CHECK(lora.at("model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight")
              .down.shape() == Shape{4, 16});
    CHECK(initial_lora(small.weights, layers_with({"ff.net"}), 4, 4.0f, 1).size() == 6 * 2);
    CHECK_THROWS_AS(initial_lora(small.weights, layers_with({"nowhere"}), 4, 4.0f, 1), Error);
    CHECK_THROWS_AS(initial_lora(small.weights, layers_with({"norm"}), 4, 4.0f, 1),
                    // vectors have no rank
                    Error);
    CHECK_THROWS_AS(initial_lora(small.weights, layers_with(attention_layers), 0, 4.0f, 1), Error);
}

TEST_CASE("a LoRA begins without effect: down is uniform by its fan in, up is zero") {
    const Small small;
    const Lora lora =
        initial_lora(small.weights, layers_with({".to_", "conv", "_layers."}), 3, 1.0f, 1);
    nn::Checkpoint checkpoint;
    add_weights(small.weights, lora, checkpoint);
    CHECK(close(small.draw(checkpoint), small.draw(*small.unet), 0.0) == "");

    for (const auto& [name, layer] : lora) {
        const std::int64_t fan_in = layer.down.size() / layer.rank();
        const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
        const auto [low, high] = std::ranges::minmax(layer.down.values());
        CHECK((low >= -bound && low < -0.7 * bound && high <= bound && high > 0.7 * bound));
        CHECK(close(layer.up, Tensor::zeros(layer.up.shape()), 0.0) == "");
    }
    // a convolution of 3x3 stays one in the thin direction, the other looks at single pixels
    const LoraLayer& conv = lora.at("model.diffusion_model.input_blocks.1.0.in_layers.2.weight");
    CHECK(conv.down.shape() == Shape{3, 32, 3, 3});
    CHECK(conv.up.shape() == Shape{32, 3, 1, 1});
}

TEST_CASE("the change is alpha / rank times up times down, number by number") {
    const LoraLayer layer{
        .down = noise({2, 3, 3, 3}, 1), .up = noise({5, 2, 1, 1}, 2), .alpha = 3.0f};
    Tensor expected({5, 3, 3, 3});
    for (int o = 0; o < 5; ++o)
        for (int i = 0; i < 27; ++i) {
            double sum = 0;
            for (int r = 0; r < 2; ++r)
                sum +=
                    static_cast<double>(layer.up.data()[2 * o + r]) * layer.down.data()[27 * r + i];
            expected.data()[27 * o + i] = static_cast<float>(1.5 * sum);
        }
    CHECK(close(layer.change({5, 3, 3, 3}), expected, 1e-6) == "");
}

TEST_CASE("training changes up and down, and nothing else") {
    const Small small;
    const Weights before = copy_of(small.weights);
    const Lora lora = initial_lora(small.weights, layers_with(attention_layers), 2, 2.0f, 3);
    Weights moved = trained_weights(lora);
    const Weights begin = copy_of(moved);
    CHECK(moved.size() == 2 * lora.size());

    nn::Checkpoint checkpoint;
    add_weights(small.weights, lora, checkpoint);
    Adam adam(moved, Adam::Config::adam());
    const Tensor target = noise({1, 4, 8, 8}, 9, 0.1f) + small.draw(*small.unet);
    std::vector<float> losses;
    for (int step = 0; step < 12; ++step) {
        Tape tape;
        watch(tape, moved);
        const Tensor loss =
            // the UNet is built here
            ops::mean(ops::square(small.draw(checkpoint) - target));
        losses.push_back(loss.item());
        const Gradients gradients = tape.backward(loss, Tensor::scalar(1));
        for (const auto& [name, w] : small.weights)
            REQUIRE(ops::sum(ops::abs(gradients.of(w))).item() == 0.0f);
        adam.step(gradients_of(gradients, moved), 0.02);
    }
    CHECK(losses.back() < 0.9f * losses.front());
    for (const auto& [name, w] : small.weights) CHECK(close(w, before.at(name), 0.0) == "");
    for (const auto& [name, w] : moved) CHECK(close(w, begin.at(name), 1e-6) != "");
    CHECK(close(small.draw(*small.unet), small.draw(checkpoint), 1e-6) != "");
}

TEST_CASE("the gradients of up and down are those of finite differences through a whole network") {
    // Deep inside a UNet single precision hides small differences; a layer with an activation
    // function behind it does not.
    const Tensor w = noise({4, 6}, 1, 0.5f), x = noise({3, 6}, 2);
    const auto f = [&](const std::vector<Tensor>& in) {
        nn::Checkpoint checkpoint;
        add_weights({{"weight", w}}, {{"weight", {in[0], in[1], 3.0f}}}, checkpoint);
        return ops::silu(nn::Linear(checkpoint.root(), 6, 4, nn::Bias::no)(x));
    };
    CHECK(test::gradients_agree(f, {noise({2, 6}, 3), noise({4, 2}, 4)}) == "");
}

// ---- merged into a model

TEST_CASE("merged, a LoRA draws what it drew in training") {
    const Small small;
    const Lora lora =
        trained(small.weights,
                layers_with({".to_", "skip_connection", "out_layers.3", "time_embed"}), 3, 2.0f);
    nn::Checkpoint lent, merged;
    add_weights(small.weights, lora, lent);
    add_weights(small.weights, merged);
    merge(merged, {{changes_of(lora)}});
    CHECK(close(small.draw(merged), small.draw(lent), 1e-6) == "");
    CHECK(close(small.draw(merged), small.draw(*small.unet), 1e-3) != "");
    CHECK(merged.unused("model.").empty());
    CHECK(merged.names().size() == small.weights.size());
}

TEST_CASE(
    "strength scales, several LoRAs add up in any order, and one taken away again leaves nothing") {
    const Small small;
    const Lora first = trained(small.weights, layers_with({"to_q"}), 2),
               second = trained(small.weights, layers_with({"to_"}), 3);
    const auto weight = [&](const std::vector<std::pair<const Lora*, float>>& loras) {
        nn::Checkpoint checkpoint;
        add_weights(small.weights, checkpoint);
        std::vector<AddedLora> added;
        for (const auto& [lora, strength] : loras) added.push_back({changes_of(*lora), strength});
        merge(checkpoint, added);
        return checkpoint.root().get(to_q, {64, 64});
    };
    const Tensor base = small.weights.at(to_q);
    const Tensor expected =
        base + 0.5f * first.at(to_q).change({64, 64}) - 2.0f * second.at(to_q).change({64, 64});
    CHECK(close(weight({{&first, 0.5f}, {&second, -2.0f}}), expected, 1e-6) == "");
    CHECK(close(weight({{&second, -2.0f}, {&first, 0.5f}}), expected, 1e-6) == "");
    CHECK(close(weight({{&first, 1.0f}, {&first, -1.0f}}), base, 1e-6) == "");
    CHECK(close(weight({{&first, 0.0f}}), base, 0.0) == "");
    CHECK(close(base, small.weights.at(to_q), 0.0) == "");
}

TEST_CASE("what does not fit the model is named before anything is merged") {
    const Small small;
    nn::Checkpoint checkpoint;
    add_weights(small.weights, checkpoint);
    const LoraLayer fits{noise({2, 64}, 1), noise({64, 2}, 2), 1.0f};
    CHECK_THROWS_WITH(merge(checkpoint, {{changes_of({{"nowhere.weight", fits}})}}),
                      test::has_text("'nowhere.weight'"));
    for (const auto& [down, up] : {std::pair{Shape{2, 32}, Shape{64, 2}},
                                   {Shape{2, 64}, Shape{32, 2}},
                                   {Shape{2, 64}, Shape{64, 3}},
                                   {Shape{128}, Shape{64, 2}},
                                   {Shape{0, 64}, Shape{64, 0}},
                                   {Shape{2, 64, 3, 3}, Shape{64, 2, 1, 1}}}) {
        const Lora lora{{to_q, {noise(down, 1), noise(up, 2), 1.0f}}};
        CHECK_THROWS_WITH(merge(checkpoint, {{changes_of(lora)}}), test::has_text(to_q));
        nn::Checkpoint other;
        CHECK_THROWS_WITH(add_weights(small.weights, lora, other), test::has_text(to_q));
    }
    CHECK(close(small.draw(checkpoint), small.draw(*small.unet), 0.0) == "");
}

// ---- files

TEST_CASE("a LoRA is written by kohya's names, those that diffusers gives its layers") {
    const Small small;
    const Lora lora =
        trained(small.weights, [](const std::string& name) { return name.ends_with(".weight"); });
    const test::TemporaryFolder folder;
    write_lora(folder / "l.safetensors", lora, small.config, {{"ss_network_dim", "2"}});
    const io::TensorFile file = io::open_safetensors(folder / "l.safetensors");
    CHECK(file.metadata().at("ss_network_dim") == "2");
    int layers = 0;
    for (const io::Json& layer : small.names.at("layers")) {
        const auto weight = layer.at("weight").get<std::string>(),
                   name = layer.at("kohya").get<std::string>();
        INFO(weight);
        REQUIRE(lora.contains(weight));
        REQUIRE(file.contains(name + ".lora_down.weight"));
        CHECK(io::read_floats(file.at(name + ".lora_up.weight")) ==
              std::vector<float>(lora.at(weight).up.values().begin(),
                                 lora.at(weight).up.values().end()));
        CHECK(file.at(name + ".alpha").shape.empty());
        ++layers;
    }
    CHECK(layers == 133);
    CHECK(file.contains(std::string(to_q_kohya) + ".lora_down.weight"));
    CHECK_THROWS_WITH(
        write_lora(folder / "l.safetensors", {{"first_stage_model.x.weight", lora.begin()->second}},
                   small.config),
        test::has_text("'first_stage_model.x.weight'"));
}

TEST_CASE("a LoRA that was written and read is the same") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    const Lora lora =
        trained(small.weights, layers_with({".to_", "in_layers.2", "self_attn", "mlp"}), 3, 0.7f);
    const test::TemporaryFolder folder;
    write_lora(folder / "l.safetensors", lora, small.config);
    CHECK(same(read_lora(folder / "l.safetensors", model, small.config), lora));
}

TEST_CASE("every layer is found by its names in kohya's, diffusers' and PEFT's files") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    Lora expected;
    HandMade kohya, peft, old;
    int seed = 0;
    for (const io::Json& entry : small.names.at("layers")) {
        const auto weight = entry.at("weight").get<std::string>();
        const Shape shape = small.weights.at(weight).shape();
        Shape down = shape, up(shape.size(), 1);
        down[0] = 2, up[0] = shape[0], up[1] = 2;
        const LoraLayer layer{noise(down, ++seed), noise(up, ++seed), 2.0f};
        expected[weight] = layer;
        const auto k = entry.at("kohya").get<std::string>(),
                   p = entry.at("peft").get<std::string>();
        kohya.add(k + ".lora_down.weight", layer.down).add(k + ".lora_up.weight", layer.up);
        peft.add(p + ".lora_A.weight", layer.down).add(p + ".lora_B.weight", layer.up);
        const std::string middle = p.starts_with("unet.") ? ".lora" : ".lora_linear_layer";
        old.add(p + middle + ".down.weight", layer.down).add(p + middle + ".up.weight", layer.up);
    }
    CHECK(same(read_lora(kohya.write(), model, small.config), expected));
    CHECK(same(read_lora(peft.write(), model, small.config), expected));
    CHECK(same(read_lora(old.write(), model, small.config), expected));
}

TEST_CASE(
    "other spellings: attention processors, CompVis's layers, SDXL's text tower, one without "
    "prefix") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    const Tensor down = noise({2, 64}, 1), up = noise({64, 2}, 2), thin = noise({2, 16}, 3),
                 thin_up = noise({16, 2}, 4);
    const std::string attention =
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.";
    const std::string blocks = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.";
    const WeightChanges lora = read_lora(
        HandMade()
            .add(attention + "to_q_lora.down.weight", down)
            .add(attention + "to_q_lora.up.weight", up)
            .add(attention + "to_out_lora.down.weight", down)
            .add(attention + "to_out_lora.up.weight", up)
            .add("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_k.lora_down.weight",
                 down)
            .add("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_k.lora_up.weight", up)
            .add("lora_te1_text_model_encoder_layers_1_mlp_fc2.lora_down.weight", noise({2, 32}, 5))
            .add("lora_te1_text_model_encoder_layers_1_mlp_fc2.lora_up.weight", thin_up)
            .add("text_encoder.encoder.layers.0.self_attn.q_proj.lora_A.weight", thin)
            .add("text_encoder.encoder.layers.0.self_attn.q_proj.lora_B.weight", thin_up)
            .write(),
        model, small.config);
    CHECK(lora.size() == 5);
    for (const std::string& name :
         {blocks + "to_q.weight", blocks + "to_out.0.weight", blocks + "to_k.weight",
          std::string("cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc2.weight"),
          std::string(
              "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight")})
        CHECK(lora.contains(name));
    CHECK_NOTHROW(merge(model, {{lora}}));
}

TEST_CASE("alpha: stored beside the layer, in PEFT's metadata, or the rank") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    const auto alpha = [&](HandMade& file, const std::string& down, const std::string& up) {
        file.add(down, noise({4, 64}, 1)).add(up, noise({64, 4}, 2));
        return layer_of(read_lora(file.write(), model, small.config)).alpha;
    };
    const std::string k = to_q_kohya, d = to_q_diffusers;
    HandMade beside, nothing, in_metadata, other_part, dora, damaged;
    CHECK(alpha(beside.add(k + ".alpha", Tensor::scalar(0.5f)), k + ".lora_down.weight",
                k + ".lora_up.weight") == 0.5f);
    CHECK(alpha(nothing, k + ".lora_down.weight", k + ".lora_up.weight") == 4.0f);
    in_metadata.peft_settings(R"({"unet.r": 4, "unet.lora_alpha": 8, "unet.alpha_pattern": {}})");
    CHECK(alpha(in_metadata, d + ".lora_A.weight", d + ".lora_B.weight") == 8.0f);
    other_part.peft_settings(R"({"text_encoder.lora_alpha": 8})");
    CHECK(alpha(other_part, d + ".lora_A.weight", d + ".lora_B.weight") == 4.0f);
    dora.peft_settings(R"({"unet.lora_alpha": 8, "unet.use_rslora": true})");
    CHECK_THROWS_WITH(alpha(dora, d + ".lora_A.weight", d + ".lora_B.weight"),
                      test::has_text("use_rslora"));
    damaged.peft_settings("{");
    CHECK_THROWS_WITH(alpha(damaged, d + ".lora_A.weight", d + ".lora_B.weight"),
                      test::has_text("lora_adapter_metadata"));
}

TEST_CASE("half precision is read") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    const std::vector<std::uint16_t> ones(128, 0x3c00), halves(128, 0x3800);
    const std::string k = to_q_kohya;
    const std::vector<io::TensorEntry> entries = {
        {k + ".lora_down.weight", io::DType::f16, {2, 64}, std::as_bytes(std::span(ones))},
        {k + ".lora_up.weight", io::DType::f16, {64, 2}, std::as_bytes(std::span(halves))}};
    const test::TemporaryFolder folder;
    io::write_safetensors(folder / "l.safetensors", entries);
    const WeightChanges lora = read_lora(folder / "l.safetensors", model, small.config);
    CHECK(close(layer_of(lora).change({64, 64}), Tensor::full({64, 64}, 1.0f), 0.0) == "");
}

TEST_CASE("a file that is no LoRA of this model is refused with what is wrong") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    const Tensor down = noise({2, 64}, 1), up = noise({64, 2}, 2);
    const std::string k = to_q_kohya;
    const auto refused = [&](const HandMade& file, const std::string& text) {
        const auto path = file.write();
        CHECK_THROWS_WITH(read_lora(path, model, small.config),
                          test::has_text(text) && test::has_text(path.string()));
    };
    HandMade many;
    for (int i = 0; i < 12; ++i)
        many.add("lora_unet_down_blocks_7_conv" + std::to_string(i) + ".lora_down.weight", down);
    refused(many, "12 of its names belong to no layer of this model");
    refused(many, "'lora_unet_down_blocks_7_conv0.lora_down.weight'");
    refused(many, "… and 4 more");
    refused(HandMade()
                .add(k + ".lora_down.weight", down)
                .add(k + ".lora_up.weight", up)
                .add(k + ".foo", up),
            "'" + k + ".foo'");
    refused(HandMade().add("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", down),
            "SDXL");
    // a model's configuration that lacks what the names depend on
    CHECK_THROWS_AS(read_lora(HandMade().add(k + ".lora_down.weight", down).write(), model, {}),
                    Error);
    refused(HandMade().add(k + ".lora_down.weight", down), "lacks its lora_up");
    refused(HandMade().add(k + ".alpha", Tensor::scalar(1)), "has no product");
    refused(HandMade(), "no LoRA in it");
    const std::string as_kohya = k + ".lora_down.weight",
                      as_peft = std::string(to_q_diffusers) + ".lora_A.weight";
    const std::string as_up = k + ".lora_up.weight";
    refused(HandMade().add(as_up, up).add(as_kohya, Tensor::scalar(1)), "a lora_down of []");
    refused(HandMade().add(as_up, up).add(as_kohya, Tensor::zeros({0, 64})),
            "a lora_down of [0, 64]");
    refused(HandMade().add(as_up, up).add(as_kohya, Tensor::full({2, 64}, NAN)),
            "'" + as_kohya + "' is not finite");
    refused(HandMade().add(as_up, up).add(as_kohya, down).add(k + ".alpha", noise({2}, 1)),
            "an alpha of [2]");
    refused(
        HandMade().add(as_up, up).add(as_kohya, down).add(k + ".alpha", Tensor::scalar(INFINITY)),
        "not finite");
    refused(HandMade().add(as_up, up).add(as_kohya, down).add(as_peft, down), "is there twice");

    const test::TemporaryFolder folder;
    io::write_text_file(folder / "l.safetensors", "this is no safetensors file");
    CHECK_THROWS_AS(read_lora(folder / "l.safetensors", model, small.config), Error);
    CHECK_THROWS_AS(read_lora(folder / "missing.safetensors", model, small.config), Error);
}

TEST_CASE("Stable Diffusion 1.5: all of its products have a name in LoRA files") {
    const io::Json config = pipeline::sd1_settings();
    nn::Checkpoint model;
    const auto no_weights = [&](const nn::Params& p) {
        unet::UNetModel(p / "model" / "diffusion_model",
                        unet::Config::from_json(config.at("unet_config")));
    };
    std::map<std::string, Shape> shapes;
    weights_of(no_weights, [&](const std::string& name, const Shape& shape) {
        shapes[name] = shape;
        return Tensor::borrow(shape, nullptr, std::make_shared<int>());
    });
    for (const auto& [name, shape] : shapes) model.add(name, shape, [] { return Tensor(); });

    HandMade file;
    std::size_t products = 0;
    for (const std::string& line :
         {std::string("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0"),
          std::string("lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_0_proj"),
          std::string("lora_unet_down_blocks_2_resnets_1_conv2"), std::string("lora_unet_conv_in")})
        file.add(line + ".lora_down.weight", noise({1, 4}, 1))
            .add(line + ".lora_up.weight", noise({4, 1}, 2)),
            ++products;
    const WeightChanges lora = read_lora(file.write(), model, config);
    CHECK(lora.size() == products);
    CHECK(lora.contains(
        "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_out.0.weight"));
    CHECK(lora.contains(
        "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.ff.net.0.proj.weight"));
    CHECK(lora.contains("model.diffusion_model.input_blocks.8.0.out_layers.3.weight"));
    CHECK(lora.contains("model.diffusion_model.input_blocks.0.0.weight"));
}

TEST_CASE("the option of txt2img: a file, and perhaps its strength") {
    CHECK(lora_option("cat.safetensors").path == "cat.safetensors");
    CHECK(lora_option("cat.safetensors").strength == 1.0f);
    CHECK(lora_option("a/cat.safetensors:0.5").path == "a/cat.safetensors");
    CHECK(lora_option("a/cat.safetensors:0.5").strength == 0.5f);
    CHECK(lora_option("cat:-1.25").strength == -1.25f);
    for (const char* name : {"C:\\cat.safetensors", "cat:", "cat:nan", "cat:1.0x", "cat:inf"}) {
        CHECK(lora_option(name).path == name);
        CHECK(lora_option(name).strength == 1.0f);
    }
}
