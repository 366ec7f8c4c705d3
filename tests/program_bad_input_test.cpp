// What people hand over that cannot be drawn: one sentence each, and nothing written.

#include <filesystem>

#include "common/image/png.h"
#include "tests/support/model_headers.h"
#include "tests/support/program.h"
#include "tests/support/torch_writer.h"

namespace {

namespace fs = std::filesystem;
using namespace ldm;
using test::check_refused;
using test::Folder;
using test::run;

const image::Color white{255, 255, 255}, black{0, 0, 0};

/// Black, with a white square in the middle unless it is to be empty.
image::Image mask_of(int width, int height, bool empty = false) {
    image::Image mask(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            mask.set(x, y,
                     !empty && x > width / 4 && x < width / 2 && y > height / 4 && y < height / 2
                         ? white
                         : black);
    return mask;
}

}  // namespace

TEST_CASE("masks and strengths that cannot be are refused before the work") {
    const Folder files, folder;
    image::save_png(files / "photo.png", image::Image(64, 64));
    image::save_png(files / "mask.png", mask_of(64, 64));
    image::save_png(files / "small.png", mask_of(64, 32));
    image::save_png(files / "empty.png", mask_of(64, 64, true));
    image::save_png(files / "full.png", image::Image(64, 64));
    test::write_bytes(files / "no.png", "no picture");
    const auto refused = [&](const std::string& arguments, const std::string& words) {
        check_refused(run(arguments + " --prompt cat --steps 1000 --output " + folder / "a.png"),
                      words, folder);
    };
    const std::string inpaint = "inpaint --image " + files / "photo.png" + " --mask ";
    refused(inpaint + files / "small.png", "The mask is 64x32 and the picture 64x64");
    refused(inpaint + files / "empty.png", "The mask is empty");
    refused(inpaint + files / "full.png --invert-mask", "The mask is empty");
    refused(inpaint + files / "no.png", "no.png");
    refused(inpaint + files / "none.png", "none.png");
    refused("inpaint --mask " + files / "mask.png", "--image is required");
    refused(inpaint + files / "mask.png --mask-blur -1", "--mask-blur");
    refused(inpaint + files / "mask.png --padding -1 --only-masked", "--padding");
    const std::string img2img = "img2img --init-image " + files / "photo.png ";
    for (const char* strength : {"-0.1", "1.1", "nan", "inf", "half"})
        for (const std::string& command : {img2img, inpaint + files / "mask.png "})
            refused(command + "--strength " + strength, "--strength");
    refused(img2img + "--strength 0", "strength");
    refused(img2img + "--strength 0.0001", "strength");
    refused(img2img + "--image-cfg-scale 2", "--image-cfg-scale is for models that change");
    refused("img2img --init-image " + files / "no.png", "no.png");
    refused("txt2img --hires-scale 0.5", "--hires-scale");
    refused("txt2img --hires-scale 2 --variation-seed 1", "excludes");
    refused("txt2img --variation-strength 0.5", "--variation-seed");
}

TEST_CASE("a pickle that asks for more than tensors is refused wherever it is given") {
    const Folder files, folder;
    namespace pickled = test::pickled;
    const std::string object = pickled::global("posix", "system") +
                               pickled::tuple(pickled::string("touch " + folder / "executed")) +
                               "R";
    test::write_bytes(files / "hostile.ckpt", test::torch_zip(object, {}));
    test::write_bytes(files / "old.ckpt", test::torch_old(object, {}, 4));
    for (const std::string& file : {files / "hostile.ckpt", files / "old.ckpt"}) {
        const std::string draw = "txt2img --prompt cat --output " + folder / "a.png ";
        check_refused(run(draw + "--model " + file), "posix.system", folder);
        check_refused(run(draw + "--embedding " + file), "posix.system", folder);
        check_refused(run(draw + "--vae " + file), "posix.system", folder);
        check_refused(run(draw + "--taesd " + file), "posix.system", folder);
        check_refused(run(draw + "--lora " + file), "posix.system", folder);
        CHECK(run("inspect " + file).status == 1);
        CHECK(folder.empty());
    }
}

TEST_CASE("a model that is for something else is refused from its header, in a sentence") {
    const Folder files, folder;
    const auto model = [&](const test::Tensors& tensors, const std::string& name = "m") {
        test::write_header(files / (name + ".safetensors"), tensors);
        return " --model " + files / (name + ".safetensors");
    };
    const auto with_channels = [](int channels) {
        test::Tensors tensors = test::of_sd1();
        tensors.at("model.diffusion_model.input_blocks.0.0.weight").shape[1] = channels;
        return tensors;
    };
    const auto without = [](const std::string& part) {
        test::Tensors tensors = test::of_sd1();
        std::erase_if(tensors, [&](const auto& entry) { return entry.first.starts_with(part); });
        return tensors;
    };
    image::save_png(files / "photo.png", image::Image(64, 64));
    image::save_png(files / "mask.png", mask_of(64, 64));
    const std::string txt2img = "txt2img", img2img = "img2img --init-image " + files / "photo.png",
                      inpaint = "inpaint --image " + files / "photo.png" + " --mask " +
                                files / "mask.png";
    const auto refused = [&](const std::string& command, const std::string& words) {
        const test::Outcome outcome = run(command + " --prompt cat --output " + folder / "a.png");
        check_refused(outcome, words, folder);
        CHECK(outcome.lines() == 1);
    };
    const std::string nine = model(with_channels(9), "nine"),
                      eight = model(with_channels(8), "eight"), whole = model(test::of_sd1());
    refused(txt2img + nine, "for img2img (instruct-pix2pix) or inpaint");
    refused(txt2img + eight, "for img2img (instruct-pix2pix) or inpaint");
    refused(img2img + nine, "this model is for inpaint");
    refused(inpaint + eight, "takes no mask");
    refused(txt2img + whole + " --width 500", "multiples of 64");
    refused(txt2img + whole + " --lora " + files / "nine.safetensors", "there is no LoRA in it");
    refused(txt2img + whole + " --embedding " + files / "nine.safetensors",
            "no embedding of one word");
    refused(txt2img + model(without("first_stage_model."), "parts"), "give it one with --vae");
    refused(txt2img + model(without("cond_stage_model."), "parts"), "it has no text encoder");
    refused(txt2img + model(without("model."), "parts"), "no UNet");
    refused(txt2img + " --model " + files / "photo.png", "no safetensors file");
}
