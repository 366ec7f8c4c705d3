// A classifier of noisy latents, from its training to the sampler that it guides.

#include "tests/training/small_data.h"

using namespace ldm;
using io::Json;
using test::has_text;
using test::run;
using test::Workshop;

namespace {

Json classifier_json(int steps) {
    return test::with(test::small_training(steps), {{"learning_rate", 0.003},
                                                    {"optimizer", {{"name", "muon"}}},
                                                    {"classifier_config",
                                                     {{"image_size", 8},
                                                      {"model_channels", 32},
                                                      {"num_res_blocks", 1},
                                                      {"attention_resolutions", Json::array()},
                                                      {"channel_mult", {1, 1}},
                                                      {"num_head_channels", 32},
                                                      {"pool", "attention"}}}});
}

Json unconditional() {
    return test::with(test::small_training(),
                      {{"schedule", {{"linear_start", 0.00085}, {"linear_end", 0.012}}},
                       {"sampler", {{"name", "ddim"}, {"steps", 2}}},
                       {"conditioning_key", nullptr},
                       {"unet_config", test::small_unet(4, 4)}});
}

}  // namespace

TEST_CASE("a classifier is trained in one piece as in two, and guides a sampler") {
    const Workshop workshop;
    const std::string model = workshop.trained(
        "diffusion", unconditional(), "model",
        "--init " + workshop.trained("autoencoder", test::small_autoencoder(false), "autoencoder"));
    const std::string init = "--init " + model;
    const std::string straight =
        workshop.trained("classifier", classifier_json(2), "straight", init);
    (void)workshop.trained("classifier", classifier_json(2), "halved", init + " --max-steps 1");
    const std::string halved =
        workshop.trained("classifier", classifier_json(2), "halved", init + " --resume");
    CHECK(io::read_text_file(straight + "/model.safetensors") ==
          io::read_text_file(halved + "/model.safetensors"));
    const std::string learned =
        workshop.trained("classifier", classifier_json(40), "learned", init);

    const auto draw = [&](const std::string& arguments) {
        const std::string file = workshop.folder / "drawn.png";
        const auto outcome = run("txt2img --model " + model + " --overwrite --threads 1 --output " +
                                 file + " " + arguments);
        INFO(outcome.output);
        REQUIRE(outcome.status == 0);
        return image::load_image(file);
    };
    const std::string guided = "--classifier " + learned + " --class ";
    const image::Image alone = draw("");
    CHECK(draw(guided + "red --classifier-scale 0") == alone);
    const image::Image red = draw(guided + "red --classifier-scale 1000");
    CHECK(red != alone);
    CHECK(draw(guided + "blue --classifier-scale 1000") != red);

    const std::string command = "txt2img --model " + model + " --classifier " + straight;
    CHECK_THAT(run(command).output, has_text("name it with --class"));
    CHECK_THAT(run(command + " --class 3").output, has_text("numbered from 0 to 2"));
    CHECK_THAT(run("txt2img --class red --classifier " + model + " --model " + model).output,
               has_text("holds no classifier"));
    CHECK_THAT(run("txt2img --prompt a --model " + straight).output,
               has_text("name it with --classifier"));
    CHECK_THAT(run("txt2img --prompt a --class red --classifier " + straight).output,
               has_text("another noise schedule or scale factor"));
}

TEST_CASE("a classifier learns classes, and refuses what it cannot learn") {
    const Workshop workshop;
    // the latents of a codebook's encoder, however little it has learned, are no noise
    Json diffusion = unconditional();
    diffusion["unet_config"] = test::small_unet(3, 3);
    const std::string model = workshop.trained(
        "diffusion", diffusion, "model",
        "--init " + workshop.trained("autoencoder", test::small_autoencoder(true), "autoencoder"));
    Json json = classifier_json(100);
    json["batch_size"] = 9;
    (void)workshop.trained("classifier", json, "learned", "--init " + model);
    const std::string curve = io::read_text_file(workshop.folder / "learned/curve.csv");
    CHECK_THAT(curve, has_text("accuracy,accuracy_top5,grad_norm"));
    // step,seconds,samples,learning_rate,loss,accuracy,…
    const auto accuracy_of = [](const std::string& line) {
        std::size_t at = 0;
        for (int i = 0; i < 5; ++i) at = line.find(',', at) + 1;
        return std::stod(line.substr(at));
    };
    double last = 0;
    std::size_t begin = curve.size() - 1;
    for (int i = 0; i < 20; ++i) {
        const std::size_t start = curve.rfind('\n', begin - 1) + 1;
        last += accuracy_of(curve.substr(start, begin - start)) / 20;
        begin = start - 1;
    }
    // a third by chance; half of the latents are nothing but noise
    CHECK(last > 0.55);

    const auto refused = [&](const Json& settings, const std::string& words) {
        const auto outcome = workshop.train("classifier", settings, "refused", "--init " + model);
        CHECK(outcome.status == 1);
        CHECK_THAT(outcome.output, has_text(words));
    };
    json = classifier_json(1);
    json["classifier_config"]["out_channels"] = 3;
    refused(json, "leave out 'out_channels'");
    CHECK_THAT(workshop.train("classifier", classifier_json(1), "refused").output,
               has_text("--init"));
    io::write_text_file(workshop.data + "/metadata.jsonl",
                        R"({"file_name": "red0.png", "text": "red", "class_label": "red"})");
    refused(classifier_json(1), "one class only");
}
