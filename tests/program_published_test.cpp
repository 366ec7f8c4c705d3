// The program with the models that were published with latent diffusion, of full size. Nearly all
// of their weights are zeros, which lie in a hole of the file; what is left says what must be
// drawn.

#include <cmath>

#include "chapters/01_ddpm/betas.h"
#include "common/image/png.h"
#include "common/io/tensor_file.h"
#include "tests/support/program.h"
#include "tests/support/published_headers.h"

namespace {

using namespace ldm;
using test::check_refused;
using test::Folder;
using test::has_text;
using test::run;
using test::Tensors;

/// float32, which needs no memory, with what training leaves behind.
Tensors published(const std::string& config) {
    Tensors tensors = test::with_buffers(test::of_published(config), config);
    for (auto& [name, stored] : tensors)
        if (stored.dtype == io::DType::f16) stored.dtype = io::DType::f32;
    // the decoder of zeros gives this colour
    tensors.at("first_stage_model.decoder.conv_out.bias").values = {0.5f, -0.5f, 1.0f};
    return tensors;
}

/// Runs the command, which must draw a picture of that one colour.
void check_draws(const std::string& command, const std::string& file, int width, int height) {
    const auto outcome = run(command + " --steps 1 --output " + file + " --overwrite");
    INFO(outcome.output);
    REQUIRE(outcome.status == 0);
    CHECK(image::load_image(file) == image::Image(width, height, {191, 63, 255}));
}

}  // namespace

TEST_CASE("published: faces are drawn with the averages, by the file's schedule") {
    const Folder folder;
    const std::string model = folder / "model.ckpt";
    Tensors tensors = published("celeba256");
    const auto betas = ddpm::make_beta_schedule("linear", 1000, 0.01, 0.02);
    tensors["betas"] = test::stored_betas(betas);
    constexpr float eps = 2, last_step = 7;
    tensors.at("model_ema.diffusion_modelout2bias").values = {eps, eps, eps};
    tensors.at("model.diffusion_model.out.2.bias").values = {last_step, last_step, last_step};
    test::write_header(model, tensors);

    const auto inspected = run("inspect " + model);
    INFO(inspected.output);
    CHECK(inspected.status == 0);
    CHECK_THAT(inspected.output,
               has_text("faces or bedrooms") && has_text("linear betas 0.01 to") &&
                   has_text("UNet (its EMA copy)") &&
                   has_text("UNet of the last training step (not used") && has_text("whole"));

    const std::string latents = folder / "latents.safetensors";
    check_draws("txt2img --model " + model + " --width 32 --height 32 --save-latents " + latents,
                folder / "face.png", 32, 32);
    // one step of DDIM, at t = 1, with eta 0
    const auto ac = ddpm::cumulative_alphas(betas);
    const io::TensorFile file = io::open_tensor_file(latents);
    const std::vector<float> noise = io::read_floats(file.at("noise")),
                             drawn = io::read_floats(file.at("final"));
    REQUIRE(noise.size() == 3 * 8 * 8);
    REQUIRE(drawn.size() == noise.size());
    for (std::size_t i = 0; i < noise.size(); ++i) {
        const double x0 = (noise[i] - std::sqrt(1 - ac[1]) * eps) / std::sqrt(ac[1]);
        CHECK(std::abs(drawn[i] - (std::sqrt(ac[0]) * x0 + std::sqrt(1 - ac[0]) * eps)) < 1e-5);
    }
    const Folder empty;
    check_refused(run("txt2img --model " + model + " --prompt cat --output " + empty / "a.png"),
                  "takes no text", empty);
}

TEST_CASE("published: one of ImageNet's classes is drawn") {
    const Folder folder, empty;
    const std::string model = folder / "model.ckpt";
    test::write_header(model, published("cin256-v2"));
    const std::string command = "txt2img --model " + model + " --width 32 --height 32";
    check_draws(command + " --class 207", folder / "class.png", 32, 32);
    const auto refused = [&](const std::string& arguments, const std::string& words) {
        check_refused(run(command + arguments + " --output " + empty / "a.png"), words, empty);
    };
    refused(" --class 1001", "numbered from 0 to 1000");
    refused(" --class tench", "tench");
    refused(" --prompt tench", "takes no text");
}

TEST_CASE("published: a small picture is enlarged") {
    const Folder folder;
    const std::string model = folder / "model.ckpt", small = folder / "small.png";
    test::write_header(model, published("bsr_sr"));
    image::save_png(small, image::Image(7, 5, {200, 30, 30}));
    check_draws("upscale --model " + model + " --image " + small, folder / "large.png", 28, 20);
    CHECK_THAT(run("txt2img --model " + model).output, has_text("it is for upscale"));
}

TEST_CASE("published: a semantic map is drawn from") {
    const Folder folder, empty;
    const std::string model = folder / "model.ckpt", map = folder / "map.png";
    test::write_header(model, published("semantic_synthesis256"));
    image::save_png(map, image::Image(16, 16, {181, 181, 181}));
    const std::string command = "txt2img --model " + model + " --width 32 --height 32";
    check_draws(command + " --segmentation " + map, folder / "a.png", 32, 32);
    check_refused(run(command + " --output " + empty / "a.png"), "--segmentation", empty);
}

TEST_CASE("published: what cannot be drawn with is refused in a sentence") {
    const Folder files, folder;
    const std::string model = files / "model.ckpt";
    const auto refused = [&](const std::map<std::string, Shape>& tensors,
                             const std::string& words) {
        test::write_header(model, tensors);
        check_refused(run("txt2img --model " + model + " --output " + folder / "a.png"), words,
                      folder);
    };
    const std::string unet = "model.diffusion_model.input_blocks.";
    refused({{unet + "0.0.weight", {448, 16, 3, 3}},
             {unet + "1.1.transformer_blocks.0.attn2.to_k.weight", {448, 768}},
             {"first_stage_model.decoder.conv_in.weight", {512, 16, 3, 3}}},
            "retrieval-augmented LDM (768 x 768): it is told vectors of CLIP ViT-L/14");
    refused({{unet + "0.0.weight", {192, 4, 3, 3}},
             {"first_stage_model.decoder.conv_in.weight", {512, 4, 3, 3}}},
            "LDM of churches (LSUN churches): it has no 'scale_factor'");
}
