// A diffusion model with each conditioning key, from its training to its picture.

#include "chapters/08_ldm_pipeline/open_model.h"
#include "common/io/atomic_file.h"
#include "tests/training/small_data.h"

using namespace ldm;
using io::Json;
using test::has_text;
using test::run;
using test::small_unet;
using test::Workshop;

namespace {

/// Draws with the model; the command's picture must be written.
image::Image draw(const Workshop& workshop, const std::string& command, const std::string& model,
                  const std::string& arguments = "") {
    const std::string file = workshop.folder / "drawn.png";
    const auto outcome = run(command + " --model " + model + " --overwrite --steps 2 --output " +
                             file + " --threads 1 " + arguments);
    INFO(outcome.output);
    REQUIRE(outcome.status == 0);
    return image::load_image(file);
}

/// The same training in one piece and in two must write the same model, to the bit.
std::string trained_twice(const Workshop& workshop, const Json& json, const std::string& base) {
    const std::string init = "--init " + base;
    const std::string straight = workshop.trained("diffusion", json, "straight", init);
    (void)workshop.trained("diffusion", json, "halved", init + " --max-steps 1");
    const std::string halved = workshop.trained("diffusion", json, "halved", init + " --resume");
    CHECK(io::read_text_file(straight + "/model.safetensors") ==
          io::read_text_file(halved + "/model.safetensors"));
    return straight;
}

Json diffusion(const Json& more) {
    return test::with(test::small_training(),
                      // far enough that a picture depends on what it is told
                      test::with({{"learning_rate", 0.03},
                                  {"schedule", {{"linear_start", 0.00085}, {"linear_end", 0.012}}},
                                  {"sampler", {{"name", "ddim"}, {"steps", 2}}}},
                                 more));
}

const Json class_token = {{"target", "ldm.modules.encoders.modules.ClassEmbedder"},
                          {"params", {{"n_classes", 4}, {"embed_dim", 32}, {"ucg_rate", 0.5}}}};
const Json clip_tokens = {{"target", "ldm.modules.encoders.modules.FrozenCLIPTextEmbedder"},
                          {"params", {{"k_nn", 2}, {"ucg_rate", 0.3}}}};

}  // namespace

TEST_CASE("a model without conditions is trained and draws") {
    const Workshop workshop;
    const std::string model = trained_twice(
        workshop, diffusion({{"conditioning_key", nullptr}, {"unet_config", small_unet(4, 4)}}),
        workshop.base(false));
    CHECK(pipeline::open_model(model).spec.conditions.empty());
    const image::Image picture = draw(workshop, "txt2img", model);
    CHECK(picture.width == 16);
    CHECK(draw(workshop, "txt2img", model, "--seed 7") != picture);
    CHECK_THAT(run("txt2img --model " + model + " --prompt red").output, has_text("takes no text"));
    CHECK_THAT(run("txt2img --model " + model + " --class red").output, has_text("told no class"));
}

TEST_CASE("betas that a model was given are kept, unless a training makes others") {
    const Workshop workshop;
    const Json unconditional = {{"conditioning_key", nullptr}, {"unet_config", small_unet(4, 4)}};
    const auto trained = [&](const Json& schedule, const std::string& name,
                             const std::string& init) {
        const std::string model = workshop.trained(
            "diffusion", diffusion(test::with(unconditional, {{"schedule", schedule}})), name,
            "--init " + init + " --max-steps 1");
        return std::pair{model, io::read_json(model + "/config.json")};
    };
    const Json betas = {0.1, 0.3, 0.2};
    const auto [given, config] =
        trained({{"timesteps", 3}, {"given_betas", betas}}, "given", workshop.base(false));
    CHECK(config["given_betas"] == betas);
    const Json kept = trained(Json::object(), "kept", given).second;
    CHECK(kept["given_betas"] == betas);
    CHECK(kept["timesteps"] == 3);
    const Json other = trained({{"timesteps", 40}}, "other", given).second;
    CHECK_FALSE(io::has(other, "given_betas"));
    CHECK(other["timesteps"] == 40);
}

TEST_CASE("a model of classes is trained, with a token or a label, and draws one") {
    const Workshop workshop;
    const std::string base = workshop.base(false);
    Json json;
    SECTION("crossattn: ClassEmbedder") {
        json = diffusion({{"conditioning_key", "crossattn"},
                          {"cond_stage_config", class_token},
                          {"unet_config", small_unet(4, 4, test::with_tokens())}});
    }
    SECTION("adm: a label") {
        json = diffusion(
            {{"conditioning_key", "adm"}, {"unet_config", small_unet(4, 4, {{"num_classes", 4}})}});
    }
    const std::string model = trained_twice(workshop, json, base);
    CHECK(pipeline::open_model(model).spec.class_names ==
          std::vector<std::string>{"blue", "green", "red"});
    const image::Image red = draw(workshop, "txt2img", model, "--class red");
    CHECK(draw(workshop, "txt2img", model, "--class 2") == red);
    const std::string far = " --cfg-scale 100";
    CHECK(draw(workshop, "txt2img", model, "--class blue" + far) !=
          draw(workshop, "txt2img", model, "--class red" + far));
    // the last one stands for none
    CHECK(draw(workshop, "txt2img", model, "--class 3") == draw(workshop, "txt2img", model));

    // a picture says which it is of
    (void)draw(workshop, "txt2img", model, "--class red");
    const std::string red_file = workshop.folder / "red.png";
    std::filesystem::copy_file(workshop.folder / "drawn.png", red_file);
    CHECK(draw(workshop, "txt2img", model, "--from " + red_file) == red);

    const std::string command = "txt2img --model " + model;
    CHECK_THAT(run(command + " --class 4").output, has_text("numbered from 0 to 3"));
    CHECK_THAT(run(command + " --class -1").output, has_text("numbered from 0 to 3"));
    CHECK_THAT(run(command + " --class rad").output, has_text("no class 'rad', nearest: 'red'"));
    CHECK_THAT(run(command + " --prompt red").output, has_text("takes no text"));
}

TEST_CASE("a model of CLIP's vectors is told by words and by a picture") {
    const Workshop workshop;
    const Json json = diffusion({{"conditioning_key", "crossattn"},
                                 {"cond_stage_config", {class_token, clip_tokens}},
                                 {"unet_config", small_unet(4, 4, test::with_tokens())}});
    const std::string model = trained_twice(workshop, json, workshop.base(false));
    const image::Image nothing = draw(workshop, "txt2img", model),
                       words = draw(workshop, "txt2img", model, "--prompt 'red square'");
    CHECK(words != nothing);
    const std::string picture = " --like " + workshop.data + "/blue1.png";
    const image::Image like = draw(workshop, "txt2img", model, picture);
    CHECK(like != words);
    CHECK(like != nothing);
    CHECK(draw(workshop, "txt2img", model, "--class red" + picture) != like);
    const std::string command = "txt2img --model " + model;
    CHECK_THAT(run(command + " --prompt red" + picture).output, has_text("the prompt's place"));
    CHECK_THAT(run(command + " --negative-prompt red").output, has_text("no negative prompt"));
}

TEST_CASE("a model of pictures with a hole fills them, with and without words") {
    const Workshop workshop;
    const std::string base = workshop.base(false);
    Json json;
    std::string prompt;
    SECTION("concat: latent diffusion's") {
        json = diffusion({{"conditioning_key", "concat"},
                          {"cond_stage_key", "masked_image"},
                          {"unet_config", small_unet(9, 4)}});
    }
    SECTION("hybrid: Stable Diffusion's") {
        Json caption = test::small_clip()["cond_stage_config"];
        json = diffusion(
            {{"conditioning_key", "hybrid"},
             {"cond_stage_config",
              {{{"target", "ldm.modules.encoders.modules.FrozenCLIPEmbedder"}, {"params", caption}},
               {{"target", "torch.nn.Identity"}, {"cond_stage_key", "masked_image"}}}},
             {"train_text_encoder", true},
             {"unet_config", small_unet(9, 4, test::with_tokens())}});
        prompt = " --prompt 'red square'";
    }
    const std::string model = trained_twice(workshop, json, base);
    image::Image mask(16, 16, {0, 0, 0});
    for (int y = 4; y < 12; ++y)
        for (int x = 4; x < 12; ++x) mask.set(x, y, {255, 255, 255});
    image::save_png(workshop.folder / "mask.png", mask);
    const std::string picture = workshop.data + "/red0.png";
    const image::Image filled = draw(
        workshop, "inpaint", model,
        "--image " + picture + " --mask-blur 0 --mask " + workshop.folder / "mask.png" + prompt);
    const image::Image given = image::load_image(picture);
    CHECK(filled.at(0, 0) == given.at(0, 0));
    CHECK(filled != given);
    CHECK_THAT(run("txt2img --model " + model + prompt).output, has_text("inpaint"));
}

TEST_CASE("a model of pictures in low resolution enlarges them, on a codebook's latents") {
    const Workshop workshop;
    const Json json = diffusion({{"conditioning_key", "concat"},
                                 {"cond_stage_config",
                                  {{"target", "torch.nn.Identity"},
                                   {"params", {{"degradation", "bsrgan_light"}}},
                                   {"cond_stage_key", "LR_image"}}},
                                 {"unet_config", small_unet(6, 3)},
                                 {"data",
                                  {{"size", 16},
                                   {"crop", "random"},
                                   {"min_crop_f", 0.5},
                                   {"filter", "area"},
                                   {"list", "train.txt"}}}});
    io::write_text_file(workshop.data + "/train.txt", "red0.png\nblue2.png\ngreen1.png\n");
    const std::string model = trained_twice(workshop, json, workshop.base(true));
    CHECK(pipeline::open_model(model).spec.concat_input() == pipeline::ConcatInput::low_resolution);
    // 7 x 5 is no multiple of what the UNet halves
    image::Image small(7, 5, {200, 30, 30});
    image::save_png(workshop.folder / "small.png", small);
    const image::Image large =
        draw(workshop, "upscale", model, "--image " + workshop.folder / "small.png");
    CHECK(large.width == 14);
    CHECK(large.height == 10);
    CHECK_THAT(run("txt2img --model " + model).output, has_text("it is for upscale"));
    CHECK_THAT(run("upscale --image " + workshop.folder / "small.png" + " --model " +
                   nn::shipped_model().string() + " --prompt red")
                   .output,
               has_text("does not enlarge pictures"));
}

TEST_CASE("a model of semantic maps draws from one, of colours or of labels") {
    const Workshop workshop;
    const std::string base = workshop.base(true);
    // maps of three labels, larger than the pictures
    std::string lines;
    for (const auto& [name, color] : test::small_classes) {
        image::Image map(32, 32, {0, 0, 0});
        for (int y = 0; y < 16; ++y)
            for (int x = 0; x < 32; ++x) map.set(x, y, {2, 2, 2});
        image::save_png(workshop.data + "/map_of_" + name + ".png", map);
        lines += Json{{"file_name", name + std::string("0.png")},
                      {"segmentation", "map_of_" + std::string(name) + ".png"}}
                     .dump() +
                 "\n";
    }
    io::write_text_file(workshop.data + "/metadata.jsonl", lines);
    const int channels = GENERATE(3, 4);
    const Json json = diffusion(
        {{"conditioning_key", "concat"},
         {"cond_stage_config",
          {{"target", "ldm.modules.encoders.modules.SpatialRescaler"},
           {"params", {{"n_stages", 1}, {"in_channels", channels}, {"out_channels", 2}}}}},
         {"unet_config", small_unet(5, 3)}});
    const std::string model = trained_twice(workshop, json, base);
    const auto from = [&](const std::string& map) {
        return draw(workshop, "txt2img", model, "--segmentation " + map);
    };
    const std::string known = workshop.data + "/map_of_red.png",
                      other = workshop.folder / "other.png";
    // far from everything that it has seen
    if (channels == 3) {
        image::Image noise(16, 16);
        for (std::size_t i = 0; i < noise.rgb.size(); ++i)
            noise.rgb[i] = static_cast<std::uint8_t>(i * i % 251);
        image::save_png(other, noise);
        CHECK(from(known) != from(other));
    }
    CHECK_THAT(run("txt2img --model " + model).output, has_text("--segmentation"));
    CHECK_THAT(run("txt2img --prompt a --segmentation " + known).output,
               has_text("takes no semantic map"));
    image::save_png(other, image::Image(16, 16, {200, 200, 200}));
    const auto refused = run("txt2img --overwrite --output " + workshop.folder / "drawn.png" +
                             " --model " + model + " --segmentation " + other);
    CHECK((refused.status == 0) == (channels == 3));
    if (channels == 4) CHECK_THAT(refused.output, has_text("the label 200"));
}

TEST_CASE("conditions that cannot be are refused before anything is trained") {
    const Workshop workshop;
    const std::string init = "--init " + workshop.base(false);
    const auto refused = [&](const Json& json, const std::string& words) {
        const auto outcome = workshop.train("diffusion", diffusion(json), "refused", init);
        INFO(outcome.output);
        CHECK(outcome.status == 1);
        CHECK_THAT(outcome.output, has_text(words));
    };
    const Json tokens = small_unet(4, 4, test::with_tokens());
    Json stage = class_token;
    stage["params"]["n_classes"] = 3;
    refused({{"cond_stage_config", stage}, {"unet_config", tokens}},
            "the data set 3, and one more stands for a class that is left out: set \"n_classes\" "
            "to 4");
    stage = class_token;
    stage["target"] = "ldm.modules.encoders.modules.ClassEmbeder";
    refused({{"cond_stage_config", stage}, {"unet_config", tokens}}, "nearest: 'ClassEmbedder'");
    refused({{"cond_stage_config", {class_token, class_token}}, {"unet_config", tokens}},
            "'class_label' is encoded more than once");
    refused({{"conditioning_key", "concat"},
             {"cond_stage_key", "depth"},
             {"unet_config", small_unet(5, 4)}},
            "'cond_stage_key' is 'depth', expected one of: LR_image, caption");
    refused({{"conditioning_key", "concat"},
             {"cond_stage_config",
              {{"target", "torch.nn.Identity"},
               {"params", {{"degradation", "rain"}}},
               {"cond_stage_key", "LR_image"}}},
             {"unet_config", small_unet(7, 4)}},
            "'degradation' is 'rain', expected one of: bsrgan");
    stage = clip_tokens;
    stage["params"]["k_nn"] = 9;
    refused({{"cond_stage_config", stage}, {"unet_config", tokens}}, "9 pictures only");

    io::write_text_file(workshop.data + "/metadata.jsonl",
                        R"({"file_name": "red0.png", "text": "red"})");
    refused({{"cond_stage_config", class_token}, {"unet_config", tokens}},
            "nothing says which class it is of");
}
