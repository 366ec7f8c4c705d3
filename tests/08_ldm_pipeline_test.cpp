#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "chapters/08_ldm_pipeline/all_components.h"
#include "chapters/08_ldm_pipeline/bench.h"
#include "chapters/08_ldm_pipeline/diffusers_folder.h"
#include "chapters/08_ldm_pipeline/diffusers_keys.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/08_ldm_pipeline/verify.h"
#include "common/device/memory.h"
#include "common/io/atomic_file.h"
#include "common/io/safetensors.h"
#include "tests/support/case_checks.h"
#include "tests/support/model_headers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::pipeline;
using ldm::test::has_text;

TEST_CASE("the stored cases of chapter 08") {
    verify::Registry registry;
    register_components(registry);
    test::check_cases("08_ldm_pipeline", registry);
}

TEST_CASE("every component of this version is known to ldm verify") {
    const verify::Registry registry = all_components();
    for (const char* name : {"BetaSchedule",
                             "BetasForAlphaBar",
                             "DiffusionSchedule",
                             "ForwardProcess",
                             "TimestepEmbedding",
                             "PLosses",
                             "LitEma",
                             "LRSchedules",
                             "DDPMSampler",
                             "DDIMSampler",
                             "DDIMTimesteps",
                             "AutoencoderKL",
                             "ResnetBlock",
                             "AttnBlock",
                             "LinAttnBlock",
                             "DiagonalGaussianDistribution",
                             "CLIPTokenizer",
                             "CLIPTextModel",
                             "CLIPModel",
                             "CrossAttention",
                             "SpatialSelfAttention",
                             "LinearAttention",
                             "AttentionBlock",
                             "ResBlock",
                             "Resample",
                             "FeedForward",
                             "BasicTransformerBlock",
                             "SpatialTransformer",
                             "UNetModel",
                             "DiffusionWrapper",
                             "ToUint8",
                             "WeightedPrompt"})
        CHECK(registry.contains(name));
}

namespace {

/// Every name that a model with this config asks a checkpoint for.
std::set<std::string> names_asked_for(const io::Json& config, const std::string& part) {
    nn::Checkpoint empty;
    if (part == "unet")
        unet::UNetModel(empty.root(), unet::Config::from_json(config["unet_config"]));
    else
        vae::AutoencoderKL(empty.root(),
                           vae::Config::from_json(config["first_stage_config"]["ddconfig"]), 4);
    return {empty.asked().begin(), empty.asked().end()};
}

/// The tensor names of the diffusers library for SD 1.5, one a line, as it writes them.
std::set<std::string> stored_names(const std::string& part) {
    std::ifstream file(LDM_SOURCE_DIR "/reference_data/full_size/diffusers_names_" + part + ".txt");
    std::set<std::string> names;
    for (std::string line; std::getline(file, line);) names.insert(line);
    return names;
}

}  // namespace

TEST_CASE("diffusers' names and CompVis's are translated into each other, all of them") {
    const io::Json config = sd1_settings();
    for (const std::string part : {"unet", "vae"}) {
        const auto table = part == "unet"
                               ? unet::module_names(unet::Config::from_json(config["unet_config"]))
                               : autoencoder_names(config["first_stage_config"]);
        const auto theirs = stored_names(part);
        const auto ours = names_asked_for(config, part);
        CHECK(ours.size() == (part == "unet" ? 686 : 248));
        CHECK(theirs.size() == ours.size());
        std::set<std::string> translated, back;
        for (const std::string& name : theirs)
            translated.insert(unet::to_compvis(table, name).value_or(name));
        for (const std::string& name : ours)
            back.insert(unet::to_diffusers(table, name).value_or(name));
        CHECK(translated == ours);
        CHECK(back == theirs);
    }
}

TEST_CASE("what a benchmark cannot time is refused before it times anything") {
    const auto refused = [](const BenchOptions& options, const char* words) {
        CHECK_THROWS_WITH(bench(options), has_text(words));
    };
    // the UNet alone would take seconds
    const auto start = std::chrono::steady_clock::now();
    refused({.parts = {"unet", "text"}}, "no part 'text' to time");
    refused({.size = 100}, "multiple of 64");
    refused({.dtype = DType::f16}, "no type but f32");
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
}

TEST_CASE("an older diffusers autoencoder is understood as well") {
    CHECK(modern_attention_name("decoder.mid_block.attentions.0.query.weight") ==
          "decoder.mid_block.attentions.0.to_q.weight");
    CHECK(modern_attention_name("decoder.mid_block.attentions.0.key.bias") ==
          "decoder.mid_block.attentions.0.to_k.bias");
    CHECK(modern_attention_name("encoder.mid_block.attentions.0.value.weight") ==
          "encoder.mid_block.attentions.0.to_v.weight");
    CHECK(modern_attention_name("encoder.mid_block.attentions.0.proj_attn.bias") ==
          "encoder.mid_block.attentions.0.to_out.0.bias");
    for (const std::string& name : stored_names("vae")) CHECK(modern_attention_name(name) == name);
}

namespace {

/// A latent diffusion request that draws two different pictures quickly.
Txt2ImgRequest two_pictures() {
    return {.prompts = {"grinning cat", "rocket"},
            .seeds = {5, 6},
            .width = 64,
            .height = 64,
            .steps = 2,
            .cfg_scale = 3.0f,
            .keep_steps = true};
}

LatentDiffusion shipped(const LatentDiffusion::Options& options = {}) {
    return LatentDiffusion(open_model(nn::shipped_model()), options);
}

/// The shipped model with other settings.
OpenedModel shipped_with(const std::function<void(io::Json&)>& change) {
    const auto folder = nn::shipped_model();
    io::Json config = io::read_json(folder / "config.json");
    change(config);
    auto weights = std::make_unique<nn::Checkpoint>();
    weights->add(io::open_safetensors(folder / "model.safetensors"));
    ModelSpec spec = spec_from_settings(config, "emoji");
    return {std::move(spec), nn::ModelSource({.layout = nn::ModelSource::Layout::folder,
                                              .path = folder,
                                              .config = config,
                                              .checkpoint = std::move(weights),
                                              .merges = folder / "merges.txt"})};
}

/// The names by which a single SD file is known.
std::map<std::string, Shape> sd_file(std::int64_t in_channels, std::int64_t context) {
    const std::string unet = "model.diffusion_model.input_blocks.";
    return {{unet + "0.0.weight", {320, in_channels, 3, 3}},
            {unet + "1.1.transformer_blocks.0.attn2.to_k.weight", {320, context}},
            {"first_stage_model.decoder.conv_in.weight", {512, 4, 3, 3}},
            {"cond_stage_model.transformer.text_model.final_layer_norm.weight", {768}}};
}

}  // namespace

TEST_CASE("what is no model is said so") {
    CHECK_THROWS_WITH(open_model("/does/not/exist"), has_text("/does/not/exist"));
    CHECK_THROWS_WITH(open_model(LDM_SOURCE_DIR "/docs"), has_text("is no model"));
    const std::string a_case =
        LDM_SOURCE_DIR "/reference_data/05_resblock/ResBlock.tiny_input.safetensors";
    CHECK_THROWS_WITH(LatentDiffusion(open_model(a_case)),
                      has_text("it is not a Stable Diffusion checkpoint"));
    CHECK_FALSE(inspect(a_case).whole);
}

TEST_CASE("latent diffusion's inpainting model is known by its channels and its codebook") {
    const test::TemporaryFolder folder;
    const auto path = folder / "m.safetensors";
    test::write_header(path, {{"model.diffusion_model.input_blocks.0.0.weight", {256, 7, 3, 3}},
                              {"first_stage_model.quantize.embedding.weight", {8192, 3}}});
    const ModelSpec spec = open_model(path).spec;
    CHECK(spec.family == ldm_inpainting);
    CHECK(spec.problems.empty());
    CHECK(spec.concat_input() == ConcatInput::picture_and_mask);
    CHECK_FALSE(spec.text_tower);
    CHECK(spec.first_stage.n_embed == 8192);
    CHECK(spec.size_step() == 32);
}

TEST_CASE("latent diffusion's text-to-image model is known by its text encoder") {
    const test::TemporaryFolder folder;
    const auto path = folder / "m.safetensors";
    auto tensors = sd_file(4, 1280);
    tensors["cond_stage_model.transformer.attn_layers.layers.0.1.to_q.weight"] = {512, 1280};
    test::write_header(path, tensors);
    const ModelSpec spec = open_model(path).spec;
    CHECK(spec.family == ldm_text_to_image);
    CHECK(spec.problems.empty());
    CHECK(spec.text_tower.value().kind == "BERTEmbedder");
    CHECK(spec.text_tower.value().width == 1280);
    CHECK(spec.text_tower.value().vocab_size == 30522);
    CHECK(spec.image_size == 256);
    // whoever does not know such an encoder says so
    CHECK_THROWS_WITH(LatentDiffusion(open_model(path)), has_text("BERTEmbedder"));
}

TEST_CASE("families that are not supported are named, from the header alone") {
    const test::TemporaryFolder folder;
    const auto path = folder / "m.safetensors";
    const auto is = [&](const std::map<std::string, Shape>& tensors, const std::string& family,
                        const std::string& problem) {
        INFO(family);
        test::write_header(path, tensors);
        const OpenedModel model = open_model(path);
        CHECK_THAT(model.spec.family, has_text(family));
        CHECK_FALSE(model.spec.problems.empty());
        CHECK_THROWS_WITH(model.spec.expect_supported("m"), has_text(family) && has_text(problem));
        const Inspection inspection = inspect(path);
        CHECK_FALSE(inspection.whole);
        CHECK_THAT(inspection.text, has_text(family) && has_text(problem));
    };
    is(sd_file(5, 768), sd1, "5 channels (depth to image");
    is(sd_file(7, 768), sd1, "7 channels");
    is(sd_file(5, 1024), sd2, "5 channels (depth to image");
    is(sd_file(4, 2048), "SDXL", "text towers");
    is({{"cond_stage_model.model.transformer.resblocks.0.ln_1.weight", {1024}}}, "text encoder",
       "no UNet");
    is({{"noise_augmentor.betas", {1000}}}, "unCLIP", "image embeddings");
    is({{"low_scale_model.betas", {1000}}}, "x4 upscaler", "low-resolution input");
    auto with_labels = sd_file(4, 1024);
    with_labels["model.diffusion_model.label_emb.weight"] = {1000, 1280};
    is(with_labels, sd2, "class labels");
    is({{"conditioner.embedders.0.transformer.text_model.final_layer_norm.weight", {768}}}, "SDXL",
       "text towers");
    is({{"model.diffusion_model.joint_blocks.0.x", {1}}}, "Stable Diffusion 3", "transformer");
    is({{"double_blocks.0.img_attn.qkv.weight", {1}}}, "Flux", "transformer");
    is({{"lora_unet_conv_in.lora_down.weight", {1}}}, "LoRA", "--lora");
    is({{"lora_unet_conv_in.hada_w1_a", {1}}}, "LoHa", "--lora");
    is({{"lora_unet_conv_in.lokr_w1", {1}}}, "LoKr", "--lora");
    is({{"emb_params", {1, 768}}}, "textual inversion", "--embedding");
    is({{"control_model.input_blocks.0.0.weight", {320, 4, 3, 3}}}, "ControlNet", "yet");
    is({{"controlnet_cond_embedding.conv_in.weight", {16, 3, 3, 3}}}, "ControlNet", "yet");
    is({{"scaled_fp8", {2}}}, "scaled 8-bit floats", "take those in 16 bits");
    is({{"model.diffusion_model.out.2.scale_weight", {1}}}, "scaled 8-bit floats", "16 bits");
    is({{"down_blocks.0.resnets.0.conv1.weight", {1}}, {"time_embedding.linear_1.weight", {1}}},
       "UNet of a diffusers folder", "name the folder");
    is({{"first_stage_model.decoder.conv_in.weight", {1}}}, "VAE", "no UNet");
    is({{"decoder.conv_in.weight", {1}}, {"decoder.conv_out.weight", {1}}}, "VAE", "with --vae");
    is({{"text_model.final_layer_norm.weight", {1}}}, "text encoder", "no UNet");

    auto no_autoencoder = sd_file(4, 768);
    no_autoencoder.erase("first_stage_model.decoder.conv_in.weight");
    is(no_autoencoder, sd1, "no autoencoder (first_stage_model.…): give it one with --vae");
    auto no_text_encoder = sd_file(4, 768);
    no_text_encoder.erase("cond_stage_model.transformer.text_model.final_layer_norm.weight");
    is(no_text_encoder, sd1, "no text encoder (cond_stage_model.…)");
    auto only_unet = no_autoencoder;
    only_unet.erase("cond_stage_model.transformer.text_model.final_layer_norm.weight");
    is(only_unet, sd1, "with --vae; it has no text encoder");
    is(sd_file(4, 1280), "SDXL's refiner", "text tower");
    is(sd_file(4, 320), "an unknown Stable Diffusion", "a context of width 320");
    for (const auto& [channels, input] : std::map<int, ConcatInput>{
             {4, ConcatInput::none},
             {8, ConcatInput::picture},
             {9, ConcatInput::mask_and_picture},
         }) {
        test::write_header(path, sd_file(channels, 768));
        CHECK(open_model(path).spec.problems.empty());
        CHECK(open_model(path).spec.concat_input() == input);
        test::write_header(path, sd_file(channels, 1024));
        const ModelSpec spec = open_model(path).spec;
        CHECK(spec.family == sd2);
        CHECK(spec.problems.empty());
        CHECK(spec.concat_input() == input);
        CHECK(spec.prediction_is_known == (channels > 4));
    }
}

TEST_CASE("a diffusers scheduler's settings are honoured or refused by name") {
    const auto settings = [](io::Json more) {
        more.emplace("_class_name", "PNDMScheduler");
        return SchedulerSettings(more);
    };
    const auto sd = settings({{"beta_schedule", "scaled_linear"},
                              {"beta_start", 0.00085},
                              {"beta_end", 0.012},
                              {"num_train_timesteps", 1000},
                              {"trained_betas", nullptr},
                              {"steps_offset", 1},
                              // DDIM's, but in the file of SD 1.5: diffusers ignores it, too
                              {"clip_sample", false}});
    const auto config = ddpm::Schedule::from_model_config(sd.model_settings());
    CHECK(config.beta_schedule == "linear");
    CHECK(config.linear_start == 0.00085);
    CHECK(config.linear_end == 0.012);
    CHECK(config.parameterization == ddpm::Parameterization::eps);
    const auto ours = [&](const char* key, const io::Json& value, const char* our_key) {
        return settings({{key, value}}).model_settings()[our_key];
    };
    CHECK(ours("prediction_type", "v_prediction", "parameterization") == "v");
    CHECK(ours("prediction_type", "sample", "parameterization") == "x0");
    CHECK(ours("beta_schedule", "linear", "beta_schedule") == "sqrt_linear");
    CHECK(ours("beta_schedule", "squaredcos_cap_v2", "beta_schedule") == "cosine");
    CHECK(ours("num_train_timesteps", 500, "timesteps") == 500);
    const Tensor betas = settings({{"trained_betas", {0.1, 0.2}}}).schedule().betas;
    CHECK(betas.size() == 2);
    CHECK(std::abs(betas.data()[1] - 0.2f) < 1e-7f);

    const auto refused = [&](const io::Json& json, const char* words) {
        CHECK_THROWS_WITH(settings(json), has_text(words));
    };
    refused({{"prediction_type", "flow"}}, "'prediction_type' is 'flow'");
    refused({{"beta_schedule", "sigmoid"}}, "'beta_schedule' is 'sigmoid'");
    refused({{"_class_name", "FlowMatchEulerDiscreteScheduler"}}, "FlowMatchEuler");
    refused({{"steps_ofset", 1}}, "'steps_ofset', nearest: 'steps_offset'");
    refused({{"steps_offset", 1.5}}, "'steps_offset'");
    refused({{"beta_\nd", 1}}, "no scheduler has the key 'beta_\\nd'");
    refused({{"beta_start", "small"}}, "'beta_start'");
    CHECK_THROWS_WITH(settings({{"trained_betas", {0.1, 1.5}}}).schedule(), has_text("1.5"));
    CHECK_THROWS_WITH(SchedulerSettings(io::Json::object()), has_text("_class_name"));
}

TEST_CASE("a diffusers folder that is not supported says why, from its settings alone") {
    const test::TemporaryFolder folder;
    for (const char* part : {"unet", "vae", "text_encoder", "scheduler"})
        std::filesystem::create_directories(folder / part);
    const auto problem = [&](const std::string& words) {
        const OpenedModel model = open_model(folder.path());
        CHECK_THROWS_WITH(model.spec.expect_supported("m"), has_text(words));
        CHECK_FALSE(inspect(folder.path()).whole);
    };
    problem("its unet/ has no diffusion_pytorch_model.safetensors");
    io::write_text_file(folder / "vae/diffusion_pytorch_model.bin", "PK\x03\x04");
    problem("vae/diffusion_pytorch_model.bin: its end is missing");
    io::write_json(folder / "scheduler/scheduler_config.json", {{"prediction_type", "flow"}});
    problem("scheduler_config.json: '_class_name' is missing");
    io::write_json(folder / "scheduler/scheduler_config.json",
                   {{"_class_name", "DDIMScheduler"}, {"prediction_type", "flow"}});
    problem("'prediction_type' is 'flow'");
    io::write_json(folder / "unet/config.json", {{"in_channels", 7}});
    problem("7 channels");
    io::write_json(folder / "unet/config.json", {{"cross_attention_dim", 1024}});
    problem("Stable Diffusion 2.x");
    std::filesystem::create_directories(folder / "text_encoder_2");
    problem("SDXL");
    for (const auto& [name, words] : {std::pair{"UNet2DConditionModel", "name the folder above"},
                                      {"ControlNetModel", "is a ControlNet, and these cannot be"},
                                      {"AutoencoderKL", "give it this folder with --vae"},
                                      {"AutoencoderTiny", "with --taesd"}}) {
        io::write_json(folder / "unet/config.json", {{"_class_name", name}});
        CHECK_THROWS_WITH(open_model(folder / "unet"), has_text(words));
    }
    std::filesystem::create_directories(folder / "transformer");
    problem("Stable Diffusion 3, Flux or the like: its transformer is not supported");
}

TEST_CASE("a setting that is missing or does not fit is a sentence, not a crash") {
    const auto refused = [](const std::function<void(io::Json&)>& change, const char* words) {
        INFO(words);
        CHECK_THROWS_WITH(LatentDiffusion(shipped_with(change)), has_text(words));
    };
    for (const char* key :
         {"unet_config", "first_stage_config", "cond_stage_config", "scale_factor", "image_size"})
        refused([&](io::Json& config) { config.erase(key); }, key);
    refused([](io::Json& config) { config["first_stage_config"].erase("ddconfig"); }, "ddconfig");
    refused([](io::Json& config) { config["cond_stage_config"].erase("text_config"); },
            "text_config");
    refused([](io::Json& config) { config["conditioning_key"] = "hybrid"; }, "'hybrid'");
    refused([](io::Json& config) { config["unet_config"]["in_channels"] = 8; }, "8 channels");
    refused([](io::Json& config) { config["unet_config"]["context_dim"] = 96; }, "width 96");
    refused([](io::Json& config) { config["timesteps"] = 1'000'000'000; }, "'timesteps'");
    refused([](io::Json& config) { config["unet_config"]["num_res_blocks"] = 1'000'000'000; },
            "'num_res_blocks'");
    refused([](io::Json& config) { config["unet_config"]["model_channels"] = 2'000'000'000; },
            "'model_channels'");
    refused([](io::Json& config) { config["image_size"] = 1'000'000'000; }, "'image_size'");
    refused([](io::Json& config) { config["image_size"] = 0; }, "'image_size'");
    refused([](io::Json& config) { config["first_stage_config"]["embed_dim"] = 2'000'000'000; },
            "'embed_dim'");
    refused(
        [](io::Json& config) {
            config["first_stage_config"]["ddconfig"]["ch_mult"] = std::vector<int>(40, 1);
        },
        "'ch_mult'");
    refused(
        [](io::Json& config) { config["first_stage_config"]["ddconfig"]["ch"] = 1'000'000'000; },
        "'ch'");
    refused([](io::Json& config) { config["parameterization"] = "flow"; }, "'flow'");
    refused([](io::Json& config) { config["unet_config"]["model_channels"] = 64; },
            "lacks weights or has others");
}

TEST_CASE("the shipped model draws, and a picture depends on its own prompt and seed alone") {
    const LatentDiffusion model = shipped();
    Txt2ImgRequest request = two_pictures();
    const Txt2ImgResult both = txt2img(model, request);
    CHECK(both.pictures.shape() == Shape{2, 3, 64, 64});
    CHECK(both.steps.size() == 2);
    CHECK(step_count(request, model.spec()) == 2);
    // finite
    CHECK(test::close(both.pictures, both.pictures, 0) == "");

    request.prompts = {"rocket"};
    request.seeds = {6};
    request.keep_steps = false;
    const Txt2ImgResult alone = txt2img(model, request);
    CHECK(alone.steps.empty());
    CHECK(to_uint8_image(both.pictures, 1) == to_uint8_image(alone.pictures, 0));

    request.eta = 1.0f;
    CHECK(test::close(txt2img(model, request).noise, alone.noise, 0) == "");
}

TEST_CASE("what cannot be drawn is refused before any weight is read") {
    std::vector<std::string> loads;
    const LatentDiffusion model =
        shipped({.on_load = [&](std::string_view part) { loads.emplace_back(part); }});
    const auto refused = [&](const std::function<void(Txt2ImgRequest&)>& change,
                             const char* words) {
        Txt2ImgRequest request = two_pictures();
        change(request);
        CHECK_THROWS_WITH(txt2img(model, request), has_text(words));
        CHECK_THROWS_WITH(expect_possible(request, model.spec()), has_text(words));
    };
    refused([](auto& request) { request.seeds = {}; }, "2 prompts and 0 seeds");
    refused([](auto& request) { request.seeds = {1, 2, 3}; }, "2 prompts and 3 seeds");
    refused([](auto& request) { request.prompts = {}; }, "no prompt");
    refused([](auto& request) { request.width = 60; }, "multiples of 8");
    refused([](auto& request) { request.height = 0; }, "multiples of 8");
    refused([](auto& request) { request.steps = 1001; }, "1001 steps");
    refused([](auto& request) { request.steps = 0; }, "0 steps");
    refused([](auto& request) { request.eta = -1.0f; }, "'eta'");
    refused([](auto& request) { request.sampler = ddpm::ddpm_sampler(); }, "1000 steps");
    CHECK_THROWS_WITH(preferred_request(model.spec(), "best"), has_text("ddim, ddpm"));
    CHECK(loads.empty());
}

TEST_CASE("networks can make room for each other, and draw the same") {
    const Txt2ImgRequest request = two_pictures();
    std::vector<std::string> loads;
    const LatentDiffusion kept = shipped(),
                          in_turn = shipped(
                              {.keep_networks = false, .on_load = [&](std::string_view part) {
                                   loads.emplace_back(part);
                               }});
    CHECK(test::close(txt2img(in_turn, request).pictures, txt2img(kept, request).pictures, 0) ==
          "");
    CHECK(loads == std::vector<std::string>{"the text encoder", "the UNet", "the decoder"});
    (void)txt2img(in_turn, request);
    CHECK(loads.size() == 6);
}

TEST_CASE("two threads draw with one model at once, each its own picture") {
    const LatentDiffusion model = shipped();
    std::vector<Txt2ImgRequest> requests(2, two_pictures());
    requests[1].prompts = {"red apple", "snowman"};
    requests[1].seeds = {1, 2};
    std::vector<Txt2ImgResult> at_once(2);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 2; ++i)
            threads.emplace_back([&, i] { at_once[i] = txt2img(model, requests[i]); });
    }
    for (int i = 0; i < 2; ++i)
        CHECK(test::close(txt2img(model, requests[i]).pictures, at_once[i].pictures, 0) == "");
}

TEST_CASE("a model that predicts v is not drawn as if it predicted noise") {
    const Txt2ImgRequest request = two_pictures();
    const LatentDiffusion eps = shipped(), v(shipped_with([](io::Json&config) {
        config["parameterization"] = "v";
    }));
    const Txt2ImgResult as_eps = txt2img(eps, request), as_v = txt2img(v, request);
    CHECK(test::close(as_v.noise, as_eps.noise, 0) == "");
    CHECK(test::close(as_v.steps[0].pred_x0, as_eps.steps[0].pred_x0, 1e-2) != "");
}

TEST_CASE("a weight that is not a number is an error that says so") {
    const std::filesystem::path emoji = LDM_SOURCE_DIR "/reference_data/models/emoji";
    const test::TemporaryFolder folder;
    for (const char* file : {"config.json", "merges.txt", "model.safetensors"})
        std::filesystem::copy_file(emoji / file, folder / file);
    std::size_t place = 0;
    {
        const io::TensorFile file = io::open_safetensors(folder / "model.safetensors");
        const auto header = file.entries().front().bytes.data();
        place = std::filesystem::file_size(folder / "model.safetensors") -
                static_cast<std::size_t>(file.entries().back().bytes.data() +
                                         file.entries().back().bytes.size() - header) +
                static_cast<std::size_t>(file.at("model.diffusion_model.out.2.bias").bytes.data() -
                                         header);
    }
    std::fstream file(folder / "model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place));
    // of f16, not a number
    file.write("\x00\x7e", 2);
    file.close();

    const LatentDiffusion model(open_model(folder.path()));
    Txt2ImgRequest request = preferred_request(model.spec());
    request.prompts = {"red apple"};
    request.seeds = {1};
    request.steps = 1;
    CHECK_THROWS_WITH(txt2img(model, request), has_text("not finite"));
}

TEST_CASE("a picture that is not square, and the parameters that made it") {
    const LatentDiffusion model = shipped();
    Txt2ImgRequest request{.prompts = {""},
                           .negative_prompt = "cat",
                           .seeds = {1},
                           .width = 48,
                           .height = 72,
                           .steps = 1,
                           .cfg_scale = 2.0f};
    CHECK(txt2img(model, request).pictures.shape() == Shape{1, 3, 72, 48});
    CHECK(parameters_text(model, request, 0) ==
          "\nNegative prompt: cat\nSteps: 1, Sampler: DDIM, CFG scale: 2, Seed: 1, Size: 48x72, "
          "Model: emoji, RNG: CPU");
    request.cfg_scale = 1.2345678f;
    CHECK_THAT(parameters_text(model, request, 0), has_text("CFG scale: 1.2345678,"));
    request.sampler = ddpm::ddpm_sampler();
    request.steps.reset();
    CHECK_THAT(parameters_text(model, request, 0), has_text("Steps: 1000, Sampler: DDPM"));
}

TEST_CASE("the model's own settings are preferred, another sampler has its own steps") {
    const ModelSpec spec = open_model(nn::shipped_model()).spec;
    const Txt2ImgRequest own = preferred_request(spec);
    CHECK(own.width == 64);
    CHECK(own.sampler.name == "ddim");
    CHECK(own.steps == 30);
    CHECK(step_count(own, spec) == 30);
    CHECK(own.cfg_scale == 1.5f);
    CHECK(step_count(preferred_request(spec, "ddpm"), spec) == 1000);
}

TEST_CASE("every part of Stable Diffusion 1.x has its place in the spec") {
    const ModelSpec spec = spec_from_settings(sd1_settings(), sd1);
    CHECK(spec.problems.empty());
    CHECK(spec.latent_shape(2, 512, 768) == Shape{2, 4, 96, 64});
    CHECK_THROWS_WITH(spec.latent_shape(1, 500, 512), has_text("multiples of 64"));
    CHECK(spec.scale_factor == 0.18215f);
    CHECK(spec.text_tower.value().length == 77);
}
