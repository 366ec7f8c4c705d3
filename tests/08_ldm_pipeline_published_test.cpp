// The models that were published with latent diffusion: files of full size, of which only the
// header and the buffers were written.

#include <cmath>
#include <limits>

#include "chapters/01_ddpm/betas.h"
#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/08_ldm_pipeline/published_models.h"
#include "chapters/08_ldm_pipeline/upstream_config_texts.h"
#include "chapters/08_ldm_pipeline/upstream_configs.h"
#include "common/io/json.h"
#include "tests/support/catch.h"
#include "tests/support/published_headers.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::pipeline;
using ldm::test::has_text;
using ldm::test::of_published;
using ldm::test::Stored;
using ldm::test::stored_betas;
using ldm::test::Tensors;
using ldm::test::with_buffers;
using ldm::test::write_header;

namespace {

std::pair<ModelSpec, Inspection> opened(const Tensors& tensors) {
    const test::TemporaryFolder folder;
    const auto path = folder / "model.ckpt";
    write_header(path, tensors);
    return {open_model(path).spec, inspect(path)};
}

}  // namespace

TEST_CASE("published: what the files of reference_data/configs describe becomes settings") {
    CHECK(upstream_config_texts().size() > 15);
    for (const auto& [name, text] : upstream_config_texts()) {
        INFO(name);
        const io::Json config = upstream_config(std::string(name)),
                       params = config["model"]["params"];
        const io::Json settings = settings_from_upstream(config);
        for (const char* key : {"linear_start", "linear_end", "timesteps"})
            CHECK(settings[key] == params[key]);
        CHECK(settings["unet_config"] == params["unet_config"]["params"]);
        CHECK(unet::Config::from_json(settings["unet_config"]).model_channels ==
              params["unet_config"]["params"]["model_channels"]);
        const auto first_stage = FirstStageConfig::from_json(settings["first_stage_config"]);
        CHECK(first_stage.embed_dim == params["first_stage_config"]["params"]["embed_dim"]);
        CHECK(settings["image_size"] == params["image_size"].get<int>() * first_stage.factor());
        CHECK(settings["scale_factor"] == params.value("scale_factor", 1.0));
    }
    const auto key_of = [](const char* name) {
        return settings_from_upstream(upstream_config(name))["conditioning_key"];
    };
    CHECK(key_of("celeba256").is_null());
    CHECK(key_of("bsr_sr") == "concat");
    CHECK(key_of("inpainting_big") == "concat");
    CHECK(key_of("cin256-v2") == "crossattn");
    io::Json config = upstream_config("bsr_sr");
    config["model"]["params"]["concat_mode"] = false;
    CHECK(settings_from_upstream(config)["conditioning_key"] == "crossattn");
    CHECK_THROWS_WITH(upstream_config("cin257"), has_text("'cin257' is not among the files"));
}

TEST_CASE("published: those that draw are known, and whole with what training left behind") {
    struct Expected {
        const char *config, *family, *words, *size;
        int embed_dim;
        std::optional<int> n_embed;
        double linear_end, cfg_scale;
        // upstream's scripts take the averages, unless the config says otherwise
        bool draws_averages = true;
    };
    const Expected all[] = {
        {"cin256-v2", "ImageNet's classes", "conditioning crossattn, a class label", "256 x 256", 3,
         8192, 0.0195, 3.0, false},
        {"celeba256", "faces or bedrooms", "conditioning none, nothing", "256 x 256", 3, 8192,
         0.0195, 1.0},
        {"ffhq256", "faces or bedrooms", "conditioning none, nothing", "256 x 256", 3, 8192, 0.0195,
         1.0},
        {"lsun_beds256", "faces or bedrooms", "conditioning none, nothing", "256 x 256", 3, 8192,
         0.0195, 1.0},
        {"lsun_churches256", "churches", "scale factor 0.875", "256 x 256", 4, std::nullopt, 0.0155,
         1.0},
        {"bsr_sr", "super-resolution", "a picture in low resolution (ldm upscale)", "256 x 256", 3,
         8192, 0.0155, 1.0},
        {"semantic_synthesis256", "semantic maps", "a semantic map (ldm txt2img --segmentation)",
         "256 x 256", 3, 8192, 0.0205, 1.0},
        {"semantic_synthesis512", "semantic maps", "a semantic map (ldm txt2img --segmentation)",
         "256 x 256", 3, 8192, 0.0205, 1.0},
        {"inpainting_big", "LDM inpainting", "(ldm inpaint)", "256 x 256", 3, 8192, 0.0205, 1.0},
    };
    const io::Json parameters =
        io::read_json(LDM_SOURCE_DIR "/reference_data/configs/parameters.json");
    for (const Expected& expected : all) {
        INFO(expected.config);
        const auto [spec, inspection] =
            opened(with_buffers(of_published(expected.config), expected.config));
        INFO(inspection.text);
        CHECK(spec.problems.empty());
        CHECK(inspection.whole);
        CHECK_THAT(spec.family, has_text(expected.family));
        CHECK_THAT(inspection.text, has_text(expected.words) && has_text(expected.size));
        CHECK_THAT(inspection.text,
                   has_text(expected.draws_averages ? "UNet of the last training step (not used"
                                                    : "EMA copy of the UNet (not used"));
        for (const char* part : {"UNet", "first stage"})
            CHECK_THAT(inspection.text, has_text(parameters[expected.config][part].dump()));
        CHECK(spec.first_stage.embed_dim == expected.embed_dim);
        CHECK(spec.first_stage.n_embed == expected.n_embed);
        CHECK(spec.schedule.linear_end == expected.linear_end);
        CHECK(spec.schedule.given_betas.empty());
        CHECK(spec.cfg_scale == expected.cfg_scale);
        CHECK(spec.sampler == "ddim");
        CHECK(spec.steps == 50);
    }
    const auto [imagenet, ignored] = opened(of_published("cin256-v2"));
    CHECK(imagenet.find_condition("class_label")->params["n_classes"] == 1001);
    CHECK(imagenet.class_names.empty());
}

TEST_CASE("published: averages take the UNet's place only if all of them are there") {
    Tensors tensors = with_buffers(of_published("celeba256"), "celeba256");
    tensors.erase("model_ema.diffusion_modelout2bias");
    const auto [spec, inspection] = opened(tensors);
    INFO(inspection.text);
    CHECK(inspection.whole);
    CHECK_THAT(inspection.text, has_text("EMA copy of the UNet (not used"));
}

TEST_CASE("published: averages alone are the UNet") {
    for (const char* config : {"celeba256", "cin256-v2", "lsun_churches256", "bsr_sr"}) {
        Tensors tensors = with_buffers(of_published(config), config);
        std::erase_if(tensors, [](const auto& entry) {
            return entry.first.starts_with("model.diffusion_model.");
        });
        const auto [spec, inspection] = opened(tensors);
        INFO(inspection.text);
        CHECK(inspection.whole);
        CHECK_THAT(inspection.text, !has_text("EMA copy"));
    }
}

TEST_CASE("published: one tensor of another shape, and it is no such model") {
    const Tensors whole = of_published("cin256-v2");
    CHECK(opened(whole).first.problems.empty());
    const auto unknown = [&](const char* name, const Shape& shape) {
        INFO(name);
        Tensors other = whole;
        other.at(name).shape = shape;
        CHECK_THAT(opened(other).first.family, !has_text("ImageNet"));
    };
    unknown("model.diffusion_model.input_blocks.0.0.weight", {224, 3, 3, 3});
    unknown("first_stage_model.quantize.embedding.weight", {16384, 3});
    unknown("cond_stage_model.embedding.weight", {1000, 512});
    Tensors other = whole;
    for (auto& [name, stored] : other)
        if (name.ends_with("attn2.to_k.weight")) stored.shape[1] = 640;
    CHECK_THAT(opened(other).first.family, !has_text("ImageNet"));
    // a layer within is missing: it is one, and not whole
    other = whole;
    other.erase("model.diffusion_model.middle_block.0.in_layers.2.weight");
    const auto [spec, inspection] = opened(other);
    CHECK_THAT(spec.family, has_text("ImageNet"));
    CHECK_FALSE(inspection.whole);
    CHECK_THAT(inspection.text, has_text("middle_block.0.in_layers.2.weight"));
}

TEST_CASE("published: those that cannot be drawn with are named, and why") {
    const std::string unet = "model.diffusion_model.input_blocks.";
    const std::string context = unet + "4.1.transformer_blocks.0.attn2.to_k.weight";
    const std::string codebook = "first_stage_model.quantize.embedding.weight";
    const std::string bert = "cond_stage_model.transformer.attn_layers.layers.0.1.to_q.weight";
    const auto is = [&](const std::map<std::string, Shape>& shapes, const std::string& family,
                        const std::string& problem) {
        INFO(family);
        Tensors tensors;
        for (const auto& [name, shape] : shapes) tensors[name] = {shape};
        const auto [spec, inspection] = opened(tensors);
        INFO(inspection.text);
        CHECK_FALSE(inspection.whole);
        CHECK(spec.problems.size() == 1);
        CHECK_THAT(inspection.text, has_text(family) && has_text(problem));
        CHECK_THROWS_WITH(spec.expect_supported("m"), has_text(family) && has_text(problem));
    };
    is({{unet + "0.0.weight", {448, 16, 3, 3}},
        {context, {896, 768}},
        {"first_stage_model.decoder.conv_in.weight", {512, 16, 3, 3}}},
       "retrieval-augmented", "CLIP ViT-L/14, which is not in the file");
    is({{unet + "0.0.weight", {128, 3, 3, 3}},
        {context, {256, 512}},
        {codebook, {8192, 3}},
        {bert, {512, 512}}},
       "bounding boxes", "boxes and what is in them");
    is({{unet + "0.0.weight", {256, 4, 3, 3}},
        {context, {512, 512}},
        {codebook, {16384, 4}},
        {"cond_stage_model.embedding.weight", {1000, 512}}},
       "VQ-f8", "take cin256-v2");
    is({{unet + "0.0.weight", {224, 3, 3, 3}}}, "faces or bedrooms", "no autoencoder");

    // the smaller one of text, which only chapter 12 can encode
    const ModelSpec words = opened({{unet + "0.0.weight", {{192, 3, 3, 3}}},
                                    {context, {{384, 640}}},
                                    {codebook, {{8192, 3}}},
                                    {bert, {{512, 640}}}})
                                .first;
    CHECK(words.problems.empty());
    CHECK(words.text_tower.value().width == 640);
    CHECK(words.image_size == 256);
}

TEST_CASE("published: the schedule is that of the file's betas") {
    const Tensors faces = of_published("celeba256");
    const auto with_betas = [&](Stored betas) {
        Tensors tensors = faces;
        tensors["betas"] = std::move(betas);
        return opened(tensors);
    };
    SECTION("of other ends") {
        const auto [spec, inspection] =
            with_betas(stored_betas(ddpm::make_beta_schedule("linear", 1000, 0.001, 0.0155)));
        CHECK(spec.schedule.linear_start == 0.001);
        CHECK(spec.schedule.linear_end == 0.0155);
        CHECK(spec.schedule.given_betas.empty());
        CHECK_THAT(inspection.text, has_text("linear betas 0.001 to 0.0155, 1000 steps"));
    }
    SECTION("of another number of steps") {
        const auto [spec, inspection] =
            with_betas(stored_betas(ddpm::make_beta_schedule("linear", 400, 0.0015, 0.0195)));
        CHECK(spec.make_schedule().timesteps() == 400);
        CHECK(spec.schedule.given_betas.empty());
    }
    SECTION("of another kind") {
        const auto betas = ddpm::make_beta_schedule("cosine", 50);
        const auto [spec, inspection] = with_betas(stored_betas(betas));
        CHECK(spec.problems.empty());
        const Tensor there = spec.make_schedule().betas;
        REQUIRE(there.size() == 50);
        for (int t = 0; t < 50; ++t)
            CHECK(there.data()[t] == static_cast<float>(betas[static_cast<std::size_t>(t)]));
        CHECK_THAT(inspection.text, has_text("the file's own betas 0.00") && has_text("50 steps"));
    }
    SECTION("in 16 bits they are the family's, up to rounding") {
        for (const double end : {0.0195, 0.0155}) {
            const auto betas = ddpm::make_beta_schedule("linear", 1000, 0.0015, end);
            const auto [spec, inspection] = with_betas(test::stored_halves(betas));
            const Tensor there = spec.make_schedule().betas;
            CHECK(spec.schedule.given_betas.empty());
            CHECK((spec.schedule.linear_end == end) == (end == 0.0195));
            for (std::size_t t = 0; t < betas.size(); ++t)
                CHECK(std::abs(there.data()[t] - betas[t]) < betas[t] / 512);
        }
    }
    SECTION("what is no schedule is said so") {
        std::vector<double> betas = ddpm::make_beta_schedule("linear", 1000, 0.0015, 0.0195);
        for (const double bad : {0.0, 1.0, -0.1, std::numeric_limits<double>::quiet_NaN()}) {
            betas[7] = bad;
            const auto [spec, inspection] = with_betas(stored_betas(betas));
            CHECK_FALSE(inspection.whole);
            CHECK_THROWS_WITH(spec.expect_supported("m"), has_text("'betas') is damaged"));
        }
    }
}

TEST_CASE("published: a scale factor that was measured is the file's") {
    Tensors churches = of_published("lsun_churches256");
    const auto refused = [&] {
        const auto [spec, inspection] = opened(churches);
        CHECK_FALSE(inspection.whole);
        CHECK_THROWS_WITH(spec.expect_supported("m"), has_text("it has no 'scale_factor'"));
    };
    refused();
    for (const float bad : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
        churches["scale_factor"] = {{}, io::DType::f32, {bad}};
        refused();
    }
    churches["scale_factor"] = {{}, io::DType::f32, {0.25f}};
    CHECK(opened(churches).first.scale_factor == 0.25f);
    // whose is a number of its config
    Tensors faces = of_published("celeba256");
    faces["scale_factor"] = {{}, io::DType::f32, {0.25f}};
    CHECK(opened(faces).first.scale_factor == 1.0f);
}
