#include <fstream>
#include <set>

#include "chapters/08_ldm_pipeline/all_components.h"
#include "chapters/08_ldm_pipeline/diffusers_keys.h"
#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/08_ldm_pipeline/sd1_config.h"
#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/08_ldm_pipeline/verify.h"
#include "common/nn/model_folder.h"
#include "tests/support/case_checks.h"
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
                             "ToUint8"})
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
    const io::Json config = sd1_config();
    for (const std::string part : {"unet", "vae"}) {
        const auto table = part == "unet" ? unet_names(config["unet_config"])
                                          : autoencoder_names(config["first_stage_config"]);
        const auto theirs = stored_names(part);
        const auto ours = names_asked_for(config, part);
        CHECK(ours.size() == (part == "unet" ? 686 : 248));
        CHECK(theirs.size() == ours.size());
        std::set<std::string> translated, back;
        for (const std::string& name : theirs)
            translated.insert(rename(name, table, Direction::to_compvis));
        for (const std::string& name : ours)
            back.insert(rename(name, table, Direction::to_diffusers));
        CHECK(translated == ours);
        CHECK(back == theirs);
    }
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

TEST_CASE("what is no model is said so") {
    CHECK_THROWS_WITH(open_model("/does/not/exist"), has_text("/does/not/exist"));
    CHECK_THROWS_WITH(open_model(LDM_SOURCE_DIR "/docs"), has_text("is no model"));
    const std::string a_case =
        LDM_SOURCE_DIR "/reference_data/05_resblock/ResBlock.tiny_input.safetensors";
    CHECK_THROWS_WITH(open_model(a_case), has_text("is not an SD 1.x checkpoint"));
    CHECK_FALSE(inspect(a_case).whole);
}

TEST_CASE("the shipped model draws, and a picture depends on its own prompt and seed alone") {
    const ModelFiles files = open_model(nn::ModelFolder::shipped());
    const LatentDiffusion model(files);
    Txt2ImgRequest request{.prompts = {"grinning cat", "rocket"},
                           .seeds = {5, 6},
                           .width = 64,
                           .height = 64,
                           .steps = 2,
                           .cfg_scale = 3.0f,
                           .keep_steps = true};
    const Txt2ImgResult both = txt2img(model, request);
    CHECK(both.pictures.shape() == Shape{2, 3, 64, 64});
    CHECK(both.steps.size() == static_cast<std::size_t>(step_count(model, request)));
    // finite
    CHECK(test::close(both.pictures, both.pictures, 0) == "");

    request.prompts = {"rocket"};
    request.seeds = {6};
    request.keep_steps = false;
    const Txt2ImgResult alone = txt2img(model, request);
    CHECK(alone.steps.empty());
    CHECK(to_image(both.pictures, 1) == to_image(alone.pictures, 0));

    request.eta = 1.0f;
    CHECK(test::close(txt2img(model, request).noise, alone.noise, 0) == "");
    request.width = 60;
    CHECK_THROWS_WITH(txt2img(model, request), has_text("multiples of 8"));
    request.width = 64;
    request.sampler = "best";
    CHECK_THROWS_WITH(txt2img(model, request), has_text("ddim and ddpm"));
}

TEST_CASE("a picture that is not square, and the parameters that made it") {
    const ModelFiles files = open_model(nn::ModelFolder::shipped());
    const LatentDiffusion model(files);
    const Txt2ImgRequest request{.prompts = {""},
                                 .negative_prompt = "cat",
                                 .seeds = {1},
                                 .width = 48,
                                 .height = 72,
                                 .steps = 1,
                                 .cfg_scale = 2.0f};
    CHECK(txt2img(model, request).pictures.shape() == Shape{1, 3, 72, 48});
    CHECK(parameters_text(request, 0, "emoji") ==
          "\nNegative prompt: cat\nSteps: 1, Sampler: DDIM, CFG scale: 2, Seed: 1, Size: 48x72, "
          "Model: emoji");
}
