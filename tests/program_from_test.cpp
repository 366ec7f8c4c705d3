// ldm … --from PICTURE: a picture's own settings draw it again, to the bit.

#include <fmt/format.h>

#include <deque>
#include <filesystem>

#include "chapters/ldm/sampling_options.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/io/safetensors.h"
#include "common/nn/model_source.h"
#include "tests/support/program.h"
#include "tests/support/tiny_decoder.h"

namespace {

namespace fs = std::filesystem;
using namespace ldm;
using test::check_refused;
using test::Folder;
using test::has_text;
using test::Outcome;
using test::run;

/// Draws with `arguments`, then with --from and `again`: the same pixels and the same settings.
void check_again(const std::string& command, const std::string& arguments,
                 const std::string& again = "") {
    const Folder folder;
    INFO(command << " " << arguments);
    const Outcome first = run(command + " " + arguments + " --output " + folder / "a.png");
    INFO(first.output);
    REQUIRE(first.status == 0);
    const Outcome second = run(command + " " + again + " --from " + folder / "a.png" +
                               " --output " + folder / "b.png");
    INFO(second.output);
    REQUIRE(second.status == 0);
    CHECK(second.lines() == first.lines());
    CHECK(image::load_image(folder / "a.png") == image::load_image(folder / "b.png"));
    CHECK(image::read_png_text(folder / "a.png") == image::read_png_text(folder / "b.png"));
}

/// The shipped model's autoencoder with weights that are a little smaller.
void write_other_autoencoder(const std::string& path) {
    const io::TensorFile model = io::open_safetensors(nn::shipped_model() / "model.safetensors");
    std::deque<std::vector<float>> numbers;
    std::vector<io::TensorEntry> entries;
    for (const io::TensorEntry& entry : model.entries()) {
        if (!entry.name.starts_with("first_stage_model.")) continue;
        numbers.push_back(io::read_floats(entry));
        for (float& number : numbers.back()) number *= 0.95f;
        entries.push_back(io::entry_of(entry.name, entry.shape, numbers.back()));
    }
    io::write_safetensors(path, entries);
}

/// A picture with that text.
std::string picture_of(const Folder& folder, const std::string& parameters) {
    image::save_png(folder / "p.png", image::Image(8, 8), {{"parameters", parameters}});
    return folder / "p.png";
}

}  // namespace

TEST_CASE("--from draws a picture again, whatever made it") {
    const std::string draw = "--prompt 'grinning cat' --steps 2 --seed 7 ";
    check_again("txt2img", draw);
    check_again("txt2img", draw + "--negative-prompt 'dog, (sad:1.2)' --cfg-scale 3.1415926");
    check_again("txt2img", "--prompt '' --steps 2");
    check_again("txt2img",
                "--prompt \"$(printf 'a \"cat\",\\nSteps: 3 caf\\303\\251')\" --steps 2");
    check_again("txt2img", draw + "--width 48 --height 40 --clip-skip 2 --rng cuda");
    check_again("txt2img", "--prompt '(red:1.4) cat' --prompt-syntax plain --steps 2");
    check_again("txt2img", draw + "--precision bf16");
    check_again("txt2img", draw + "--sampler euler_a --eta 0.123456789");
    check_again("txt2img", draw + "--vae-tiling --width 96 --height 96 --patch-size 64");
    check_again("txt2img", draw +
                               "--variation-seed 18446744073709551615 "
                               "--variation-strength 0.3333333333333333");
    check_again("txt2img", draw + "--hires-scale 1.5 --hires-strength 0.61 --hires-steps 3");
}

TEST_CASE("--from draws a picture again with another autoencoder, a tiny one and a prediction") {
    const Folder folder;
    const auto drawn = [&](const std::string& arguments) {
        const Outcome outcome = run("txt2img --overwrite --prompt cat --steps 2 --seed 7 " +
                                    arguments + " --output " + folder / "p.png");
        INFO(outcome.output);
        REQUIRE(outcome.status == 0);
        return image::load_image(folder / "p.png");
    };
    const auto parameters = [&] { return image::read_png_text(folder / "p.png").at("parameters"); };
    const image::Image plain = drawn("");
    const auto check = [&](const std::string& arguments, const std::string& words,
                           const std::string& again) {
        CHECK_FALSE(drawn(arguments) == plain);
        CHECK_THAT(parameters(), has_text(words));
        check_again("txt2img", "--prompt cat --steps 2 --seed 7 " + arguments, again);
    };
    check("--prediction v", ", Prediction: v", "");
    write_other_autoencoder(folder / "a, b: c.safetensors");
    const std::string vae = "--vae '" + folder / "a, b: c.safetensors" + "'";
    check(vae, ", VAE: \"a, b: c\"", vae);
    test::write_tiny_decoder(folder / "taesd.safetensors", [](int layer, const std::string& rest) {
        return std::to_string(layer) + rest;
    });
    const std::string taesd = "--taesd " + folder / "taesd.safetensors";
    check(taesd, ", VAE Decoder: TAESD", taesd);
    check(taesd + " " + vae + " --prediction v", ", VAE Decoder: TAESD, Prediction: v",
          taesd + " " + vae);
    CHECK(drawn(taesd + " --taesd-preview-only") == plain);
    CHECK_THAT(parameters(), !has_text("TAESD"));
    // it encodes, too
    drawn("");
    const std::string init = "--init-image " + folder / "p.png ";
    check_again("img2img", init + vae + " --prompt dog --steps 4 --strength 0.5", init + vae);
}

TEST_CASE("--from misses the autoencoder of a picture") {
    const Folder folder, empty;
    write_other_autoencoder(folder / "mse.safetensors");
    const std::string vae = " --vae " + folder / "mse.safetensors";
    REQUIRE(run("txt2img --prompt cat --steps 2 --output " + folder / "a.png" + vae).status == 0);
    fs::remove(folder / "mse.safetensors");
    const std::string again = "txt2img --from " + folder / "a.png" + " --output ";
    check_refused(run(again + empty / "b.png" + vae), "mse.safetensors: no such file", empty);
    const Outcome without = run(again + folder / "b.png");
    CHECK(without.status == 0);
    CHECK(without.lines() == 2);
    CHECK_THAT(without.output, has_text("a.png was drawn with the autoencoder 'mse': say with "
                                        "--vae where it is\n"));
    CHECK_THAT(image::read_png_text(folder / "b.png").at("parameters"), !has_text("VAE"));

    test::write_tiny_decoder(folder / "taesd.safetensors", [](int layer, const std::string& rest) {
        return std::to_string(layer) + rest;
    });
    const std::string taesd = " --taesd " + folder / "taesd.safetensors";
    REQUIRE(run("txt2img --overwrite --prompt cat --steps 2 --output " + folder / "a.png" + taesd)
                .status == 0);
    fs::remove(folder / "taesd.safetensors");
    check_refused(run(again + empty / "b.png" + taesd), "taesd.safetensors", empty);
    CHECK_THAT(run(again + folder / "b.png --overwrite").output,
               has_text("a.png was drawn with TAESD: say with --taesd where it is\n"));
}

TEST_CASE("--from draws a picture again with every sampler and every schedule") {
    const Folder folder;
    std::string lines;
    int count = 0;
    const auto add = [&](const std::string& options) {
        lines += "--prompt cat --seed 7 " + options + "\n";
        ++count;
    };
    for (const char* sampler :
         {"dpm++2m", "dpm++2m_sde", "dpm++2m_sde_heun", "dpm++3m_sde", "dpm++2s_a", "dpm++sde",
          "euler", "euler_a", "heun", "dpm2", "dpm2_a", "lms", "dpm_fast", "unipc", "deis", "ddim",
          "plms", "lcm", "tcd"})
        add(std::string("--steps 3 --sampler ") + sampler);
    // all but ddpm, which takes a thousand steps
    add("--sampler dpm_adaptive");
    for (const char* schedule : {"discrete", "exponential", "polyexponential", "sgm_uniform",
                                 "simple", "beta", "ays", "ddim"})
        add(std::string("--steps 3 --sampler dpm++2m --schedule ") + schedule);
    test::write_bytes(folder / "lines.txt", lines);
    const std::string size = " --width 32 --height 32 --output ";
    const Outcome all =
        run("txt2img --prompt-file " + folder / "lines.txt" + size + folder / "all");
    INFO(all.output);
    REQUIRE(all.status == 0);
    for (int i = 0; i < count; ++i) {
        std::string name = std::to_string(i);
        name = folder / ("all/" + std::string(4 - name.size(), '0') + name + ".png");
        const std::string text = image::read_png_text(name).at("parameters");
        INFO(text);
        const Outcome one =
            run("txt2img --overwrite --from " + name + " --output " + folder / "one.png");
        INFO(one.output);
        REQUIRE(one.status == 0);
        CHECK(image::load_image(folder / "one.png") == image::load_image(name));
        CHECK(image::read_png_text(folder / "one.png").at("parameters") == text);
    }
}

TEST_CASE("--from draws the second picture of a prompt, and a changed one, again") {
    const Folder folder;
    REQUIRE(run("txt2img --prompt cat --steps 2 --batch-size 2 --variation-seed 5 --output " +
                folder / "a.png")
                .status == 0);
    REQUIRE(run("txt2img --from " + folder / "a-1.png" + " --output " + folder / "b.png").status ==
            0);
    CHECK(image::load_image(folder / "a-1.png") == image::load_image(folder / "b.png"));

    image::Image mask(64, 64);
    for (int y = 0; y < 64; ++y)
        for (int x = 0; x < 64; ++x)
            mask.set(x, y, x > 15 && x < 40 ? image::Color{255, 255, 255} : image::Color{0, 0, 0});
    image::save_png(folder / "mask.png", mask);
    const std::string init = "--init-image " + folder / "b.png";
    check_again("img2img", init + " --prompt dog --steps 4 --strength 0.51", init);
    const std::string image = "--image " + folder / "b.png" + " --mask " + folder / "mask.png";
    check_again("inpaint", image + " --prompt dog --steps 4 --mask-blur 2.5 --invert-mask", image);
    check_again("inpaint",
                image + " --prompt dog --steps 4 --strength 0.7 --only-masked --padding 9", image);
}

TEST_CASE("with --from, options that are given count more") {
    const Folder folder;
    const auto parameters = [&](const std::string& arguments) {
        const Outcome outcome = run("txt2img --overwrite --from " + folder / "a.png" +
                                    " --output " + folder / "b.png " + arguments);
        INFO(outcome.output);
        REQUIRE(outcome.status == 0);
        return image::read_png_text(folder / "b.png").at("parameters");
    };
    REQUIRE(run("txt2img --prompt cat --steps 2 --seed 3 --sampler euler_a --eta 0.5 --schedule "
                "karras --output " +
                folder / "a.png")
                .status == 0);
    CHECK_THAT(parameters("--steps 3"), has_text("Steps: 3, Sampler: Euler a") &&
                                            has_text("Karras") && has_text("Eta: 0.5"));
    CHECK_THAT(parameters("--prompt dog"), Catch::Matchers::StartsWith("dog\n"));
    CHECK_THAT(parameters("--seed 4 --cfg-scale 2"), has_text("CFG scale: 2, Seed: 4"));
    // its eta and its schedule were another sampler's
    CHECK_THAT(parameters("--sampler ddim"),
               has_text("Sampler: DDIM") && !has_text("Karras") && !has_text("Eta"));
    CHECK_THAT(parameters("--sampler euler"), has_text("Sampler: Euler, Schedule type: Karras"));
    // what it says of hires goes where --hires-scale goes
    REQUIRE(run("txt2img --overwrite --prompt cat --steps 2 --hires-scale 1.5 --output " +
                folder / "a.png")
                .status == 0);
    CHECK_THAT(parameters("--variation-seed 4"),
               has_text("Variation seed: 4") && !has_text("Hires"));
    test::write_bytes(folder / "prompts.txt", "dog\nred apple\n");
    REQUIRE(run("txt2img --from " + folder / "a.png" + " --prompt-file " + folder / "prompts.txt" +
                " --output " + folder / "all")
                .status == 0);
    CHECK_THAT(image::read_png_text(folder / "all/0001.png").at("parameters"),
               Catch::Matchers::StartsWith("red apple\n") && has_text("Hires upscale: 1.5"));
}

TEST_CASE("--from reads what A1111 writes") {
    const Folder folder;
    const auto drawn = [&](const std::string& text, const std::string& arguments = "") {
        const Outcome outcome =
            run("txt2img --overwrite --model " + nn::shipped_model().string() + " --from " +
                picture_of(folder, text) + " --output " + folder / "b.png " + arguments);
        INFO(outcome.output);
        REQUIRE(outcome.status == 0);
        return outcome.output + image::read_png_text(folder / "b.png").at("parameters");
    };
    // of today
    CHECK_THAT(
        drawn("a cat,\n(red:1.2)\nNegative prompt: dog,\nugly\nSteps: 3, Sampler: DPM++ 2M SDE, "
              "Schedule type: Karras, CFG scale: 7, Seed: 1234567890, Size: 64x48, Model hash: "
              "6ce0161689, Model: v1-5-pruned-emaonly, Clip skip: 2, ENSD: 0, Version: v1.10.1"),
        has_text("was drawn with the model 'v1-5-pruned-emaonly', and this is 'emoji'") &&
            !has_text("differ") &&
            has_text("a cat,\n(red:1.2)\nNegative prompt: dog,\nugly\nSteps: 3, Sampler: DPM++ 2M "
                     "SDE, Schedule type: Karras, CFG scale: 7, Seed: 1234567890, Size: 64x48, "
                     "Model: emoji, Clip skip: 2, RNG: NV"));
    // before 1.9: sampler and schedule in one name, and without one it was k-diffusion's
    const std::string rest = ", CFG scale: 7, Seed: 1, Size: 64x64, Model: emoji";
    CHECK_THAT(drawn("cat\nSteps: 3, Sampler: DPM++ 2M Karras" + rest),
               has_text("Sampler: DPM++ 2M, Schedule type: Karras"));
    CHECK_THAT(drawn("cat\nSteps: 3, Sampler: DPM++ 2M" + rest),
               has_text("Sampler: DPM++ 2M, Schedule type: Uniform"));
    CHECK_THAT(drawn("cat\nSteps: 3, Sampler: DPM++ 2M, Schedule type: Automatic" + rest),
               has_text("Sampler: DPM++ 2M, Schedule type: Karras"));
    CHECK_THAT(drawn("cat\nSteps: 3, Sampler: euler A, RNG: CPU" + rest),
               has_text("Sampler: Euler a") && has_text("RNG: CPU"));
    CHECK_THAT(drawn("cat\nSteps: 3, Sampler: DDIM, Eta DDIM: 0.5" + rest), has_text("Eta: 0.5"));
    // enlarged to a size
    CHECK_THAT(drawn("cat\nSteps: 2, Sampler: Euler, Denoising strength: 0.6, Hires resize: 96x96, "
                     "Hires upscaler: Lanczos" +
                     rest),
               has_text("Denoising strength: 0.6, Hires upscale: 1.5"));
    // one line for all that is not done here
    const std::string output = drawn(
        "cat\nSteps: 2, Sampler: Euler, Hires upscale: 1.5, Hires upscaler: R-ESRGAN 4x+, "
        "ControlNet 0: \"preprocessor: canny, weight: 1\", Hashes: {\"model\": \"6ce0\", "
        "\"vae\": \"1\"}, Model hash: 6ce0161689" +
        rest);
    CHECK_THAT(output, has_text("p.png: this is not done here, so the picture will differ: Hires "
                                "upscaler: R-ESRGAN 4x+, ControlNet 0: preprocessor: canny, "
                                "weight: 1\n"));
    CHECK_THAT(drawn("cat\nSteps: 2, Sampler: Euler, Denoising strength: 0.6" + rest),
               has_text("will differ: Denoising strength: 0.6\n"));
    // a sampler that is chosen here need not be known
    CHECK_THAT(drawn("cat\nSteps: 2, Sampler: Restart" + rest, "--sampler heun"),
               has_text("Sampler: Heun"));
}

TEST_CASE("a picture from which nothing can be taken is refused in a sentence") {
    const Folder folder, empty;
    const std::string settings =
        "Steps: 3, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Model: emoji";
    const auto refused = [&](const std::string& path, const std::string& words,
                             const std::string& command = "txt2img") {
        check_refused(run(command + " --from " + path + " --output " + empty / "b.png"), words,
                      empty);
    };
    refused("/does/not/exist.png", "/does/not/exist.png");
    refused(folder.path().string(), "");
    test::write_bytes(folder / "a.jpg", "\xff\xd8\xff\xe0");
    refused(folder / "a.jpg", "a.jpg: not a PNG file");
    image::save_png(folder / "bare.png", image::Image(8, 8));
    refused(folder / "bare.png", "there is no text \"parameters\" in it");
    refused(picture_of(folder, "a cat"), "there are no settings in its text");
    refused(picture_of(folder, ""), "there are no settings in its text");
    refused(picture_of(folder, "cat\nSteps: 3, Sampler: Restart, CFG scale: 7"),
            "there is no sampler \"Restart\" here: choose one with --sampler");
    refused(picture_of(folder, "cat\nSteps: 3, Sampler: Heun, Schedule type: Turbo, Seed: 1"),
            "there is no schedule \"Turbo\" here");
    refused(picture_of(folder, "cat\nSteps: 3000, Sampler: Heun, Seed: 1"), "p.png: --steps");
    refused(picture_of(folder, "cat\nSteps: x, Sampler: Heun, Seed: 1"), "p.png: ");
    refused(picture_of(folder, "cat\nSteps: 3, Sampler: Heun, Size: 64x"), "64x is no size");
    refused(picture_of(folder, "cat\nSteps: 3, Sampler: Heun, Size: 64x64, Model: dreamshaper_8"),
            "drawn with the model 'dreamshaper_8': say with --model where it is");
    refused(picture_of(folder, "cat\n" + settings + ", Lora: \"style: 0.5\""),
            "was drawn with the LoRA 'style' (0.5): say with --lora-dir");
    refused(picture_of(folder, "cat\n" + settings), "--init-image is required", "img2img");

    // a bit that fell over in the text
    std::string bytes = io::read_text_file(picture_of(folder, "cat\n" + settings));
    bytes[bytes.find("Steps: 3") + 7] = '4';
    test::write_bytes(folder / "fallen.png", bytes);
    refused(folder / "fallen.png", "the text in it is damaged");
}

TEST_CASE("--from with a model that has no scheduler of its own, as the picture's had") {
    const Folder folder;
    const std::string picture = picture_of(
        folder, fmt::format("cat\nSteps: 2, Sampler: DDIM, Schedule type: {}, CFG scale: 1.5, "
                            "Seed: 1, Size: 64x64, Model: emoji, RNG: CPU",
                            program::schedule_of_folder));
    const Outcome outcome = run("txt2img --from " + picture + " --output " + folder / "b.png");
    CHECK(outcome.status == 0);
    CHECK(outcome.lines() == 2);
    CHECK_THAT(outcome.output, has_text("p.png was drawn with the scheduler of a diffusers folder, "
                                        "which this model is not\n"));
}

TEST_CASE("--from finds a LoRA by its name, and misses a learned word") {
    const Folder folder;
    const std::string layer = "text_model.encoder.layers.0.self_attn.q_proj";
    const Shape shape = io::open_safetensors(nn::shipped_model() / "model.safetensors")
                            .at("cond_stage_model.transformer." + layer + ".weight")
                            .shape;
    std::string name = "lora_te_" + layer;
    std::ranges::replace(name, '.', '_');
    const std::vector<float> down(shape[1], 0.1f), up(shape[0], 0.2f), word(192, 0.05f);
    const std::vector<io::TensorEntry> lora{
        io::entry_of(name + ".lora_down.weight", {1, shape[1]}, down),
        io::entry_of(name + ".lora_up.weight", {shape[0], 1}, up)};
    const std::vector<io::TensorEntry> zork{io::entry_of("emb_params", {1, 192}, word)};
    fs::create_directories(folder / "lora");
    io::write_safetensors(folder / "lora/a, b: c.safetensors", lora);
    io::write_safetensors(folder / "zork.safetensors", zork);
    const std::string embedding = "--embedding " + folder / "zork.safetensors";
    REQUIRE(run("txt2img --prompt 'red zork' --steps 2 --lora '" +
                folder / "lora/a, b: c.safetensors:0.3' " + embedding + " --output " +
                folder / "a.png")
                .status == 0);
    CHECK_THAT(image::read_png_text(folder / "a.png").at("parameters"),
               has_text("Lora: \"a, b: c: 0.3\", TI: \"zork\""));
    const auto again = [&](const std::string& arguments) {
        return run("txt2img --overwrite --from " + folder / "a.png" + " --lora-dir " +
                   folder / "lora --output " + folder / "b.png " + arguments);
    };
    const Outcome whole = again(embedding);
    INFO(whole.output);
    REQUIRE(whole.lines() == 1);
    CHECK(image::load_image(folder / "a.png") == image::load_image(folder / "b.png"));
    CHECK_THAT(again("").output, has_text("drawn with the learned word 'zork': say with"));
}
