#include <filesystem>
#include <map>
#include <set>

#include "chapters/01_ddpm/reverse_process.h"
#include "chapters/07_unet/block_names.h"
#include "chapters/07_unet/diffusion_wrapper.h"
#include "chapters/07_unet/layer_outputs.h"
#include "chapters/07_unet/noise_predictor.h"
#include "chapters/07_unet/verify.h"
#include "common/image/example_pictures.h"
#include "common/io/safetensors.h"
#include "common/nn/activation_snapshot.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::unet;
using test::close;
using test::has_text;
using test::noise;
using test::StoredModel;
using Kind = Part::Kind;

namespace {

/// Stable Diffusion 1.x.
Config stable_diffusion() {
    return {.in_channels = 4,
            .model_channels = 320,
            .out_channels = 4,
            .num_res_blocks = 2,
            .attention_resolutions = {4, 2, 1},
            .channel_mult = {1, 2, 4, 4},
            .use_spatial_transformer = true,
            .context_dim = 768,
            .num_heads = 8,
            .legacy = false};
}

/// The smallest settings that from_json accepts.
io::Json small() {
    return {{"in_channels", 4},
            {"model_channels", 32},
            {"out_channels", 4},
            {"num_res_blocks", 1},
            {"attention_resolutions", io::Json::array()},
            {"channel_mult", {1, 2}},
            {"num_heads", 2}};
}

io::Json small_with(const char* key, io::Json value) {
    io::Json json = small();
    json[key] = std::move(value);
    return json;
}

UNetModel stored_unet(StoredModel& stored) {
    return {stored.params(), Config::from_json(stored.config())};
}

Tensor one_of(const Tensor& batch, int i) { return ops::slice(batch, 0, i, i + 1); }
Tensor time_of(const Tensor& t, int i) { return Tensor::ints({1}, std::vector{t.ints()[i]}); }

}  // namespace

TEST_CASE("chapter 07 agrees with PyTorch on every stored case") {
    verify::Registry registry;
    register_components(registry);
    test::check_cases("07_unet", registry);
}

TEST_CASE("the U of Stable Diffusion 1.x has the blocks that everybody counts") {
    const Layout u = layout(stable_diffusion());
    REQUIRE(u.input.size() == 12);
    REQUIRE(u.output.size() == 12);
    const auto attends = [](const Block& block) {
        return block.parts.size() > 1 && block.parts[1].kind == Kind::transformer;
    };
    const auto with_attention = [&](const std::vector<Block>& blocks) {
        std::vector<int> found;
        for (std::size_t i = 0; i < blocks.size(); ++i)
            if (attends(blocks[i])) found.push_back(static_cast<int>(i));
        return found;
    };
    CHECK(with_attention(u.input) == std::vector{1, 2, 4, 5, 7, 8});
    CHECK(attends(u.middle));
    CHECK(with_attention(u.output) == std::vector{3, 4, 5, 6, 7, 8, 9, 10, 11});
    for (int i : {3, 6, 9}) CHECK(u.input[i].parts[0].kind == Kind::down);
    for (int i : {2, 5, 8}) CHECK(u.output[i].parts.back().kind == Kind::up);
    CHECK(u.output[0].parts[0].in == 2560);
    CHECK(u.output[5].parts[0].in == 1920);
    CHECK(u.output[11].parts[0].in == 640);
    CHECK(u.input[1].parts[1].heads == Heads{8, 40});
    CHECK(u.middle.parts[1].heads == Heads{8, 160});
}

TEST_CASE("every skip connection of the U fits, last in, first out") {
    for (const std::vector<int>& mult : {std::vector{1}, {1, 2}, {1, 3, 2}, {1, 1, 2, 3, 4}})
        for (int blocks : {1, 2, 3}) {
            Config config = stable_diffusion();
            config.channel_mult = mult;
            config.num_res_blocks = blocks;
            const Layout u = layout(config);
            REQUIRE(u.input.size() == u.output.size());
            int channels = 4;
            for (const Block& block : u.input) {
                CHECK(block.in() == channels);
                channels = block.out();
            }
            CHECK(u.middle.in() == channels);
            channels = u.middle.out();
            for (std::size_t i = 0; i < u.output.size(); ++i) {
                CHECK(u.output[i].skip == u.input[u.input.size() - 1 - i].out());
                CHECK(u.output[i].in() == channels + u.output[i].skip);
                channels = u.output[i].out();
            }
            CHECK(channels == config.model_channels);
        }
}

TEST_CASE("heads are counted by upstream's rules") {
    Config config{.in_channels = 4,
                  .model_channels = 32,
                  .out_channels = 4,
                  .num_res_blocks = 1,
                  .attention_resolutions = {1}};

    config.num_heads = 4;
    config.num_heads_upsample = 2;
    CHECK(heads_for(config, 64, Side::down) == Heads{4, 16});
    CHECK(heads_for(config, 64, Side::middle) == Heads{4, 16});
    // legacy AttentionBlocks only
    CHECK(heads_for(config, 64, Side::up) == Heads{2, 32});
    config.legacy = false;
    CHECK(heads_for(config, 64, Side::up) == Heads{4, 16});

    // wins over num_heads
    config.num_head_channels = 16;
    CHECK(heads_for(config, 96, Side::up) == Heads{6, 16});

    config.use_spatial_transformer = true;
    // 96 = 2 x 40 and a rest
    config.num_head_channels = 40;
    CHECK(heads_for(config, 96, Side::down) == Heads{2, 40});
    config.legacy = true;
    CHECK(heads_for(config, 96, Side::down) == Heads{2, 48});

    config.use_spatial_transformer = false;
    CHECK_THROWS_WITH(heads_for(config, 96, Side::down), has_text("96") && has_text("40"));
    config.num_head_channels = -1;
    config.num_heads = 7;
    CHECK_THROWS_AS(heads_for(config, 96, Side::down), Error);
    config.num_heads = 0;
    CHECK_THROWS_AS(heads_for(config, 96, Side::down), Error);
}

TEST_CASE(
    "the blocks have their names in diffusers: three CrossAttnDownBlocks, a DownBlock, and back") {
    std::map<std::string, std::string> block_of;
    for (const PartName& name : part_names(stable_diffusion())) {
        const auto dot = name.compvis.rfind('.');
        block_of[name.compvis.substr(0, dot)] = name.diffusers_block + " " + name.diffusers_type;
        CHECK(name.diffusers.starts_with(name.diffusers_block));
    }
    const auto all_are = [&](const std::string& half, const std::vector<int>& numbers,
                             const std::string& block) {
        for (int i : numbers) CHECK(block_of[half + std::to_string(i)] == block);
    };
    all_are("input_blocks.", {1, 2, 3}, "down_blocks.0 CrossAttnDownBlock2D");
    all_are("input_blocks.", {4, 5, 6}, "down_blocks.1 CrossAttnDownBlock2D");
    all_are("input_blocks.", {7, 8, 9}, "down_blocks.2 CrossAttnDownBlock2D");
    all_are("input_blocks.", {10, 11}, "down_blocks.3 DownBlock2D");
    all_are("output_blocks.", {0, 1, 2}, "up_blocks.0 UpBlock2D");
    all_are("output_blocks.", {3, 4, 5}, "up_blocks.1 CrossAttnUpBlock2D");
    all_are("output_blocks.", {6, 7, 8}, "up_blocks.2 CrossAttnUpBlock2D");
    all_are("output_blocks.", {9, 10, 11}, "up_blocks.3 CrossAttnUpBlock2D");
    CHECK(block_of["middle_block"] == "mid_block UNetMidBlock2DCrossAttn");
}

TEST_CASE("weights find their other name, there and back") {
    const auto names = module_names(stable_diffusion());
    const std::pair<const char*, const char*> known[] = {
        {"time_embed.2.weight", "time_embedding.linear_2.weight"},
        {"input_blocks.0.0.bias", "conv_in.bias"},
        {"input_blocks.4.0.skip_connection.weight", "down_blocks.1.resnets.0.conv_shortcut.weight"},
        {"input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
         "down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight"},
        {"input_blocks.9.0.op.bias", "down_blocks.2.downsamplers.0.conv.bias"},
        {"middle_block.2.emb_layers.1.weight", "mid_block.resnets.1.time_emb_proj.weight"},
        {"output_blocks.2.1.conv.weight", "up_blocks.0.upsamplers.0.conv.weight"},
        {"output_blocks.5.2.conv.weight", "up_blocks.1.upsamplers.0.conv.weight"},
        {"output_blocks.11.0.out_layers.3.weight", "up_blocks.3.resnets.2.conv2.weight"},
        {"out.0.weight", "conv_norm_out.weight"},
        {"out.2.bias", "conv_out.bias"},
    };
    for (const auto& [compvis, diffusers] : known) {
        CHECK(to_diffusers(names, compvis).value_or("nothing") == diffusers);
        CHECK(to_compvis(names, diffusers).value_or("nothing") == compvis);
    }
    CHECK_FALSE(to_diffusers(names, "input_blocks.12.0.op.bias"));
    CHECK_FALSE(to_diffusers(names, "input_blocks.10.1.norm.weight"));

    std::set<std::string> ours, theirs;
    for (const ModuleNames& name : names) {
        ours.insert(name.compvis);
        theirs.insert(name.diffusers);
    }
    CHECK(ours.size() == names.size());
    CHECK(theirs.size() == names.size());

    Config with_attention_blocks = stable_diffusion();
    with_attention_blocks.use_spatial_transformer = false;
    CHECK_THROWS_AS(module_names(with_attention_blocks), Error);
}

TEST_CASE("settings that no UNet can have are refused, naming the key") {
    CHECK_NOTHROW(Config::from_json(small()));
    CHECK_THROWS_WITH(Config::from_json(small_with("disable_self_attentions", true)),
                      has_text("'disable_self_attentions'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("dims", 3)), has_text("'dims'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("num_heads", -1)),
                      has_text("'num_head_channels'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("context_dim", 16)),
                      has_text("'use_spatial_transformer'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("channel_mult", {2, 4})),
                      has_text("'channel_mult'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("channel_mult", io::Json::array())),
                      has_text("'channel_mult'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("num_res_blocks", 0)),
                      has_text("'num_res_blocks'"));
    CHECK_THROWS_WITH(Config::from_json(small_with("model_channels", "32")),
                      has_text("'model_channels'"));
    // sizes whose products overflow, or that would ask for all memory
    CHECK_THROWS_WITH(Config::from_json(small_with("model_channels", 2147483647)),
                      "'model_channels' must be from 1 to 16384, got 2147483647");
    CHECK_THROWS_WITH(Config::from_json(small_with("channel_mult", {1, 16384})),
                      has_text("'model_channels' times 'channel_mult' must be at most 16384"));
    CHECK_THROWS_WITH(Config::from_json(small_with("channel_mult", std::vector<int>(40, 1))),
                      has_text("at most 16 entries"));
    CHECK_THROWS_WITH(Config::from_json(small_with("num_res_blocks", 1'000'000'000)),
                      has_text("from 1 to 64"));
    CHECK_THROWS_WITH(Config::from_json(small_with("transformer_depth", 1'000'000'000)),
                      has_text("'transformer_depth'"));

    io::Json without = small();
    without.erase("attention_resolutions");
    CHECK_THROWS_WITH(Config::from_json(without), has_text("'attention_resolutions'"));
}

TEST_CASE("a UNet says what is wrong with its inputs") {
    StoredModel stored("07_unet/UNetModel.classes_and_text");
    const UNetModel unet = stored_unet(stored);
    const Tensor x = stored.in("x"), t = stored.in("t"), context = stored.in("context"),
                 y = stored.in("y");

    CHECK_THROWS_WITH(unet(noise({2, 4, 6, 7}, 1), t, context, y),
                      has_text("6 x 7") && has_text("multiples of 2"));
    CHECK_THROWS_WITH(unet(noise({2, 3, 4, 4}, 1), t, context, y),
                      has_text("[2, 4, 4, 4]") && has_text("[2, 3, 4, 4]"));
    CHECK_THROWS_WITH(unet(x, time_of(t, 0), context, y), has_text("[2]") && has_text("[1]"));
    CHECK_THROWS_WITH(unet(x, t, {}, y), has_text("needs a context"));
    CHECK_THROWS_WITH(unet(x, t, noise({2, 3, 15}, 1), y),
                      has_text("[2, 3, 16]") && has_text("[2, 3, 15]"));
    CHECK_THROWS_WITH(unet(x, t, one_of(context, 0), y), has_text("[2, 3, 16]"));
    CHECK_THROWS_WITH(unet(x, t, context), has_text("needs labels"));
    CHECK_THROWS_AS(unet(x, t, context, Tensor::ints({2}, std::vector{0, 9})),
                    // knows 9 classes
                    Error);

    StoredModel without("07_unet/UNetModel.unconditional");
    const UNetModel plain = stored_unet(without);
    CHECK_THROWS_WITH(plain(without.in("x"), without.in("t"), noise({1, 3, 16}, 1)),
                      has_text("reads no context"));
    CHECK_THROWS_WITH(
        plain(without.in("x"), without.in("t"), {}, Tensor::ints({1}, std::vector{0})),
        has_text("knows no classes"));
}

TEST_CASE("a U of one level takes any size") {
    StoredModel stored("07_unet/UNetModel.no_attention_listed");
    CHECK(stored_unet(stored)(noise({2, 3, 1, 11}, 1), stored.in("t")).shape() ==
          Shape{2, 6, 1, 11});
}

TEST_CASE("pictures of a batch do not depend on each other in the U") {
    StoredModel stored("07_unet/UNetModel.cross_attention");
    const UNetModel unet = stored_unet(stored);
    const Tensor x = stored.in("x"), t = stored.in("t"), context = stored.in("context");
    const Tensor both = unet(x, t, context);
    for (int i : {0, 1})
        CHECK(close(one_of(both, i), unet(one_of(x, i), time_of(t, i), one_of(context, i)), 1e-5) ==
              "");
}

TEST_CASE("time, words and labels all reach the output") {
    StoredModel stored("07_unet/UNetModel.classes_and_text");
    const UNetModel unet = stored_unet(stored);
    const Tensor x = stored.in("x"), context = stored.in("context");
    const Tensor t = Tensor::ints({2}, std::vector{10, 10}),
                 y = Tensor::ints({2}, std::vector{1, 1});
    const Tensor out = unet(x, t, context, y);
    CHECK(close(out, unet(x, Tensor::from({2}, {10.0f, 10.0f}), context, y), 0.0) ==
          // the same time
          "");
    CHECK(close(out, unet(x, Tensor::from({2}, {10.5f, 10.5f}), context, y), 1e-5) != "");
    CHECK(close(out, unet(x, t, context * 2.0f, y), 1e-5) != "");
    CHECK(close(out, unet(x, t, context, Tensor::ints({2}, std::vector{1, 2})), 1e-5) != "");
}

TEST_CASE("labels are added to the time embedding") {
    StoredModel stored("07_unet/UNetModel.classes");
    const UNetModel unet = stored_unet(stored);
    const Trace trace;
    unet(stored.in("x"), stored.in("t"), {}, stored.in("y"));
    CHECK(trace.find("label_emb").shape() == trace.find("time_embed.2").shape());
}

TEST_CASE("a model that predicts codebook entries accepts the usual head beside the one it uses") {
    nn::Checkpoint weights;
    weights.add("out.0.weight", noise({32}, 1));
    weights.add("out.2.weight", noise({4, 32, 3, 3}, 2));
    weights.add("id_predictor.1.weight", noise({7, 32, 1, 1}, 3));
    weights.add("id_predictor.2.weight", noise({7}, 4));
    const UNetModel unet(weights.root(), Config::from_json(small_with("n_embed", 7)));
    CHECK(weights.unused() == std::vector<std::string>{"id_predictor.2.weight"});
}

TEST_CASE("every kind of conditioning reaches its input of the UNet") {
    const auto wrapper = [](StoredModel& stored) {
        return DiffusionWrapper(
            stored.params(), Config::from_json(stored.config()["unet"]),
            DiffusionWrapper::key_from_json(stored.config()["conditioning_key"]));
    };
    {
        StoredModel stored("07_unet/DiffusionWrapper.concat");
        const auto model = wrapper(stored);
        const Tensor x = stored.in("x"), t = stored.in("t"), a = stored.in("c_concat0"),
                     b = stored.in("c_concat1");
        CHECK(close(model(x, t, {.concat = {a, b}}), model.unet()(ops::concat({x, a, b}, 1), t),
                    0.0) == "");
        // too few channels
        CHECK_THROWS_AS(model(x, t), Error);
    }
    {
        StoredModel stored("07_unet/DiffusionWrapper.crossattn");
        const auto model = wrapper(stored);
        const Tensor x = stored.in("x"), t = stored.in("t"), a = stored.in("c_crossattn0"),
                     b = stored.in("c_crossattn1");
        CHECK(close(model(x, t, {.crossattn = {a, b}}), model.unet()(x, t, ops::concat({a, b}, 1)),
                    0.0) == "");
        CHECK_THROWS_WITH(model(x, t), has_text("crossattn"));
    }
    {
        StoredModel stored("07_unet/DiffusionWrapper.adm");
        const auto model = wrapper(stored);
        const Tensor x = stored.in("x"), t = stored.in("t"), y = stored.in("c_crossattn0");
        CHECK(close(model(x, t, {.y = y}), model.unet()(x, t, {}, y), 0.0) == "");
        CHECK_THROWS_WITH(model(x, t), has_text("labels"));
    }
    CHECK_THROWS_WITH(DiffusionWrapper::key_from_json("hybrid-adm"), has_text("'hybrid-adm'"));
    CHECK_THROWS_AS(DiffusionWrapper::key_from_json(3), Error);
}

TEST_CASE("conditionings of all kinds make one batch, and one for many pictures") {
    const Conditioning a{.concat = {noise({1, 2, 3, 3}, 1)},
                         .crossattn = {noise({1, 4, 5}, 2)},
                         .y = Tensor::ints({1}, std::vector{3})},
        b{.concat = {noise({2, 2, 3, 3}, 3)},
          .crossattn = {noise({2, 4, 5}, 4)},
          .y = Tensor::ints({2}, std::vector{7, 8})};
    const Conditioning both = as_one_batch(a, b);
    CHECK(both.concat[0].shape() == Shape{3, 2, 3, 3});
    CHECK(close(ops::slice(both.crossattn[0], 0, 1, 3), b.crossattn[0], 0.0) == "");
    CHECK(std::vector(both.y.ints(), both.y.ints() + 3) == std::vector{3, 7, 8});

    const Conditioning many = repeated(a, 3);
    CHECK(many.crossattn[0].shape() == Shape{3, 4, 5});
    CHECK(close(ops::slice(many.concat[0], 0, 2, 3), a.concat[0], 0.0) == "");
    CHECK(std::vector(many.y.ints(), many.y.ints() + 3) == std::vector{3, 3, 3});
    CHECK(repeated({}, 3).empty());
    CHECK_THROWS_WITH(as_one_batch(a, {}), has_text("same kinds"));
}

TEST_CASE("a prediction of v or x0 is turned into the noise that it stands for") {
    const auto folder = nn::shipped_model();
    const Tensor z0 = noise({1, 4, 16, 16}, 1), eps = noise({1, 4, 16, 16}, 2);
    const auto predict = [&](const char* parameterization) {
        io::Json config = io::read_json(folder / "config.json");
        config["parameterization"] = parameterization;
        auto weights = std::make_unique<nn::Checkpoint>();
        weights->add(io::open_safetensors(folder / "model.safetensors"));
        const nn::ModelSource model({.layout = nn::ModelSource::Layout::folder,
                                     .path = folder,
                                     .config = config,
                                     .checkpoint = std::move(weights),
                                     .merges = folder / "merges.txt"});
        const NoisePredictor predictor(model);
        return predictor.predict(z0, 400, eps, predictor.encode_caption("rocket"));
    };
    const ddpm::Schedule s({.linear_start = 0.00085, .linear_end = 0.012});
    const Tensor t = Tensor::ints({1}, std::vector{400});
    const NoisePrediction as_eps = predict("eps"), as_v = predict("v"), as_x0 = predict("x0");
    // the network answers the same each time; what it means differs
    const Tensor answer = as_eps.predicted;
    CHECK(close(as_v.predicted, predict_eps_from_v(s, as_eps.x_t, t, answer), 1e-5) == "");
    CHECK(close(as_v.x0, predict_start_from_v(s, as_eps.x_t, t, answer), 1e-5) == "");
    CHECK(close(as_x0.x0, answer, 0.0) == "");
    CHECK(close(as_x0.predicted, predict_eps_from_xstart(s, as_eps.x_t, t, answer), 1e-5) == "");
}

TEST_CASE("layer_outputs names every block and its shape") {
    // 16 x 8 pixels, 4 levels
    StoredModel stored("07_unet/UNetModel.stable_diffusion_shape");
    const UNetModel unet = stored_unet(stored);
    const Trace trace;
    const Tensor out = unet(stored.in("x"), stored.in("t"), stored.in("context"));
    const auto steps = layer_outputs(unet, trace);
    REQUIRE(steps.size() == 25);
    CHECK(steps[0].y.shape() == Shape{1, 32, 16, 8});
    CHECK(steps[12].block.key == "middle_block");
    CHECK(steps[12].y.shape() == Shape{1, 128, 2, 1});
    // output_blocks.2 ends larger
    CHECK(steps[15].y.shape() == Shape{1, 128, 4, 2});
    CHECK(steps[24].y.shape() == Shape{1, 32, 16, 8});
    CHECK(steps[4].diffusers == "down_blocks.1");
    const std::string table = layer_outputs_table(steps);
    CHECK_THAT(table, has_text("input_blocks.4") &&
                          has_text("ResBlock 32 -> 64, SpatialTransformer 8 x 8") &&
                          has_text("128 x 2 x 1"));
    const figures::Tile end{image::Image(8, 8), "end"};
    CHECK(layer_outputs_figure(steps, "layer outputs", end, end).pixels().width > 1000);
}

TEST_CASE("the stored snapshot is what the shipped UNet does") {
    INFO(
        "a new model needs a new snapshot: build/cpu/bin/07_unet --store-snapshot "
        "reference_data/models/emoji");
    const auto folder = nn::shipped_model();
    const nn::ActivationSnapshot snapshot = nn::read_activation_snapshot(folder);
    CHECK(image::example_pictures(folder).at(snapshot.example).caption == snapshot.caption);

    const nn::ModelSource model = nn::open_folder(folder);
    const NoisePredictor predictor(model);
    CHECK(close(predictor.encode_caption(snapshot.caption), snapshot.at("context"), 1e-3) == "");
    const Trace trace;
    predictor.unet()(snapshot.at("x"), Tensor::ints({1}, std::vector{snapshot.t}),
                     snapshot.at("context"));
    for (const auto& [name, y] : snapshot.tensors)
        if (name != "x" && name != "context")
            CHECK(close(trace.find("model.diffusion_model." + name), y, 1e-2) == "");
}
