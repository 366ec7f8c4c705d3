// The program `ldm` as a person meets it: what it prints, what it leaves behind, and that bad input
// gets one clear line and a non-zero status.

#include "tests/support/program.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/device/build.h"
#include "common/device/device.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/io/zip_members.h"
#include "common/nn/model_source.h"
#include "common/ops/precision.h"
#include "tests/support/catch.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::StartsWith;
using ldm::test::check_refused;
using ldm::test::Folder;
using ldm::test::has_text;
using ldm::test::Outcome;
using ldm::test::run;
using ldm::test::write_bytes;
using namespace ldm;

std::string header(const std::string& json, std::size_t length) {
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i) & 0xFF);
    return bytes + json;
}

}  // namespace

TEST_CASE("every command has a help that names its options") {
    CHECK_THAT(run("--help").output, has_text("txt2img") && has_text("verify") &&
                                         has_text("inspect") && has_text("bench"));
    for (const char* option : {"--model",         "--prompt",       "--negative-prompt",
                               "--steps",         "--cfg-scale",    "--sampler",
                               "--seed",          "--width",        "--height",
                               "--batch-size",    "--threads",      "--device",
                               "--output",        "--prompt-file",  "--save-latents",
                               "--prompt-syntax", "--clip-skip",    "--lora-dir",
                               "--embedding",     "--embedding-dir"})
        CHECK_THAT(run("txt2img --help").output, has_text(option));
    CHECK(run("").status != 0);
    CHECK_THAT(run("--version").output, StartsWith("ldm ") && has_text("."));
}

TEST_CASE("what nobody knows is named in its order, with what was probably meant") {
    const auto refused = [](const std::string& arguments, const std::string& words) {
        const Outcome outcome = run(arguments);
        INFO(outcome.output);
        CHECK(outcome.status == 2);
        CHECK_THAT(outcome.output, has_text(words));
        CHECK(outcome.lines() <= 2);
    };
    refused("paint", "there is no command 'paint'");
    refused("text2img --prompt cat", "did you mean txt2img?");
    refused("train difusion --config c.json", "did you mean diffusion?");
    refused("txt2img --prompt cat --stesp 3", "--stesp");
    refused("txt2img --prompt cat --stesp 3", "did you mean --steps?");
    refused("txt2img --prompt cat --step=3", "did you mean --steps?");
    refused("txt2img --prompt cat --neg dog", "did you mean --negative-prompt?");
    refused("txt2img --prompt a b c d", "these arguments were not expected: b c d");
}

TEST_CASE("txt2img draws the same picture for the same seed, and says how in the file") {
    const Folder folder;
    REQUIRE(run("txt2img --prompt 'grinning cat' --steps 4 --seed 7 --output " + folder / "a.png")
                .status == 0);
    REQUIRE(run("txt2img --prompt 'grinning cat' --steps 4 --seed 7 --threads 1 --output " +
                folder / "b.png")
                .status == 0);
    REQUIRE(run("txt2img --prompt 'grinning cat' --steps 4 --seed 8 --output " + folder / "c.png")
                .status == 0);
    CHECK(image::load_image(folder / "a.png") == image::load_image(folder / "b.png"));
    CHECK_FALSE(image::load_image(folder / "a.png") == image::load_image(folder / "c.png"));
    const std::string parameters = image::read_png_text(folder / "a.png").at("parameters");
    CHECK_THAT(parameters, StartsWith("grinning cat\n") && has_text("Steps: 4, Sampler: DDIM") &&
                               has_text("Seed: 7, Size: 64x64"));
}

TEST_CASE("samplers and schedules go by the names people know, and the file says A1111's") {
    const Folder folder;
    const auto parameters = [&](const std::string& options) {
        const std::string path = folder / "a.png";
        REQUIRE(run("txt2img --overwrite --prompt cat --seed 7 --output " + path + " " + options)
                    .status == 0);
        return image::read_png_text(path).at("parameters");
    };
    CHECK_THAT(parameters("--sampler dpm++2m --steps 5"),
               has_text("Steps: 5, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale:"));
    CHECK_THAT(parameters("--sampler dpmpp_2m --schedule sgm_uniform --steps 3"),
               has_text("Sampler: DPM++ 2M, Schedule type: SGM Uniform"));
    CHECK_THAT(parameters("--sampler EulerAncestralDiscreteScheduler --steps 3 --eta 0.5"),
               has_text("Sampler: Euler a, ") && has_text("Eta: 0.5"));
    CHECK_THAT(parameters("--sampler plms --steps 7"), has_text("Steps: 7, Sampler: PLMS, CFG"));
    CHECK_THAT(parameters("--sampler dpm++2m_sde --steps 4"), has_text("DPM++ 2M SDE"));
    const image::Image cpu = image::load_image(folder / "a.png");
    CHECK_THAT(parameters("--sampler dpm++2m_sde --steps 4 --rng cuda"), has_text("RNG: NV"));
    CHECK_FALSE(image::load_image(folder / "a.png") == cpu);
}

TEST_CASE("in bf16 txt2img draws the same picture but for the rounding, and says so in the file") {
    const Folder folder;
    REQUIRE(run("txt2img --prompt 'grinning cat' --steps 8 --seed 7 --output " + folder / "a.png")
                .status == 0);
    REQUIRE(run("txt2img --prompt 'grinning cat' --steps 8 --seed 7 --precision bf16 --output " +
                folder / "b.png")
                .status == 0);
    const image::Image a = image::load_image(folder / "a.png"),
                       b = image::load_image(folder / "b.png");
    REQUIRE(a.rgb.size() == b.rgb.size());
    double sum = 0.0;
    for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
    // of 255
    CHECK(sum / static_cast<double>(a.rgb.size()) < 3.0);
    if (!ops::has_bf16_products()) return;
    CHECK(sum > 0.0);
    CHECK_THAT(image::read_png_text(folder / "b.png").at("parameters"),
               has_text("Precision: bf16"));
}

TEST_CASE("a picture of a prompt file does not depend on its neighbours, nor on the batch size") {
    const Folder folder;
    write_bytes(folder / "prompts.txt", "grinning cat\nrocket\n\n");
    REQUIRE(run("txt2img --prompt-file " + folder / "prompts.txt" +
                " --steps 2 --seed 3 --output " + folder / "all")
                .status == 0);
    REQUIRE(
        run("txt2img --prompt rocket --steps 2 --seed 3 --output " + folder / "one.png").status ==
        0);
    REQUIRE(run("txt2img --prompt '' --steps 2 --seed 3 --output " + folder / "empty.png").status ==
            0);
    CHECK(image::load_image(folder / "all/0001.png") == image::load_image(folder / "one.png"));
    CHECK(image::load_image(folder / "all/0002.png") == image::load_image(folder / "empty.png"));
}

TEST_CASE("--save-latents writes noise, every step and the end") {
    const Folder folder;
    REQUIRE(run("txt2img --prompt rocket --steps 4 --output " + folder / "a.png" +
                " --save-latents " + folder / "new/l.safetensors")
                .status == 0);
    const io::TensorFile file = io::open_safetensors(folder / "new/l.safetensors");
    CHECK(file.entries().size() == 6);
    for (const char* name : {"noise", "step.0", "step.1", "step.2", "step.3", "final"})
        CHECK(file.contains(name));
    CHECK(io::read_floats(file.at("final")) == io::read_floats(file.at("step.3")));
}

TEST_CASE("--save-npz writes the pictures of a run as one array of NumPy") {
    const Folder folder;
    // in batches of two, and of two sets whose pictures alternate
    test::write_bytes(folder / "prompts.txt",
                      "rocket\n--prompt 'red apple' --steps 1\nsnowman\ngrinning cat\n");
    const std::string draw = "txt2img --steps 2 --batch-size 2 --prompt-file " +
                             folder / "prompts.txt" + " --output " + folder / "all" +
                             " --save-npz " + folder / "new/all.npz";
    REQUIRE(run(draw).status == 0);
    const std::string file = io::read_text_file(folder / "new/all.npz");
    const auto members = io::read_zip_members(std::as_bytes(std::span(file)), "all.npz");
    REQUIRE(members.size() == 1);
    const io::ZipMember& array = members.at("arr_0.npy");
    CHECK(array.is_stored);
    // numpy.lib.format, version 1.0
    const std::string npy(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
    REQUIRE(npy.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
    const std::size_t length = static_cast<std::uint8_t>(npy[8]) + 256U * npy[9];
    CHECK((10 + length) % 64 == 0);
    const std::string header = npy.substr(10, length);
    CHECK(
        header.starts_with("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 64, 64, 3), }"));
    CHECK(header.find_first_not_of(' ', header.find('}') + 1) == length - 1);
    CHECK(header.back() == '\n');
    std::string pixels;
    for (const char* name : {"all/0000.png", "all/0001.png", "all/0002.png", "all/0003.png"}) {
        const image::Image picture = image::load_image(folder / name);
        pixels.append(picture.rgb.begin(), picture.rgb.end());
    }
    CHECK(npy.substr(10 + length) == pixels);

    CHECK_THAT(run(draw).output, has_text("all.npz") && has_text("--overwrite"));
    const Folder nothing;
    test::check_refused(run("txt2img --prompt cat --output " + nothing / "a.png --save-npz " +
                            folder / "new/all.npz/more.npz"),
                        "all.npz is not a folder", nothing);
    test::write_bytes(folder / "prompts.txt", "cat\n--prompt cat --width 128\n");
    test::check_refused(run("txt2img --steps 1 --prompt-file " + folder / "prompts.txt" +
                            " --output " + nothing / "all --save-npz " + nothing / "all.npz"),
                        "--save-npz takes pictures of one size, and here are 64x64 and 128x64",
                        nothing);
}

TEST_CASE("a long prompt is read whole; as plain words it is cut, which is said") {
    const Folder folder;
    std::string prompt;
    for (int i = 0; i < 100; ++i) prompt += "cat ";
    const Outcome outcome = run("txt2img --steps 1 --prompt-syntax plain --prompt '" + prompt +
                                "zebra' --output " + folder / "a.png");
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.output, has_text("too long") && has_text("zebra"));
    const Outcome whole =
        run("txt2img --steps 1 --prompt '" + prompt + "zebra' --output " + folder / "b.png");
    CHECK(whole.status == 0);
    CHECK_THAT(whole.output, !has_text("too long"));
    CHECK_FALSE(image::load_image(folder / "a.png") == image::load_image(folder / "b.png"));
}

TEST_CASE("bad options are refused") {
    const Folder folder;
    const std::string draw = "txt2img --prompt cat --output " + folder / "a.png ";
    check_refused(run(draw + "--width 63"), "multiples of", folder);
    check_refused(run(draw + "--height -64"), "--height", folder);
    check_refused(run(draw + "--steps 0"), "--steps", folder);
    check_refused(run(draw + "--steps -3"), "--steps", folder);
    check_refused(run(draw + "--steps 99999999999999999999"), "--steps", folder);
    check_refused(run(draw + "--steps many"), "--steps", folder);
    check_refused(run(draw + "--cfg-scale nan"), "--cfg-scale", folder);
    check_refused(run(draw + "--seed -2"), "--seed", folder);
    check_refused(run(draw + "--seed 1.5"), "--seed", folder);
    check_refused(run(draw + "--seed 18446744073709551616"), "--seed", folder);
    check_refused(run(draw + "--seed 18446744073709551615 --batch-size 2"), "--seed", folder);
    check_refused(run(draw + "--width 1e9"), "--width", folder);
    check_refused(run(draw + "--sampler best"), "--sampler", folder);
    check_refused(run(draw + "--sampler dpm++2n"), "nearest: 'dpm++2m'", folder);
    check_refused(run(draw + "--schedule karas"), "nearest: 'karras'", folder);
    check_refused(run(draw + "--sampler ddim --schedule karras"), "its own schedule", folder);
    check_refused(run(draw + "--sampler euler --eta 0.5"), "it has no eta", folder);
    check_refused(run(draw + "--sampler euler_a --eta 0"), "its eta is above 0", folder);
    check_refused(run(draw + "--sampler lcm --steps 51"), "distilled for 50", folder);
    check_refused(run(draw + "--sampler dpm_adaptive --steps 5"), "its own steps", folder);
    check_refused(run(draw + "--device tpu"), "--device", folder);
    check_refused(run(draw + "--dtype f16"), "--dtype f16 is for --device cuda", folder);
    try {
        expect_usable(Device::cuda);
    } catch (const Error& why) {
        check_refused(run(draw + "--device cuda"), why.what(), folder);
    }
    check_refused(run(draw + "--nonsense"), "--nonsense", folder);
    check_refused(run("txt2img --output " + folder / "a.png"), "--prompt", folder);
    check_refused(run("txt2img --prompt \"$(printf 'caf\\351')\" --output " + folder / "a.png"),
                  "UTF-8", folder);
    check_refused(run("txt2img --prompt-file /does/not/exist --output " + folder / "all"),
                  "/does/not/exist", folder);
}

/// The largest difference of two pictures of one size.
int largest_difference(const std::string& a, const std::string& b) {
    const std::vector<std::uint8_t> x = image::load_image(a).rgb, y = image::load_image(b).rgb;
    REQUIRE(x.size() == y.size());
    int largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
    return largest;
}

TEST_CASE("a preview is written during sampling, and says what the last step predicts") {
    const Folder folder;
    const std::string preview = folder / "preview.png", output = folder / "x.png";
    const std::string command = "txt2img -p 'grinning cat' --steps 4 --sampler euler -o " + output +
                                " --overwrite --preview ";
    CHECK(run(command + preview).status == 0);
    // Euler's last step ends at noise level 0, where it predicts
    CHECK(largest_difference(preview, output) <= 1);
    CHECK(run(command + preview + " --preview-interval 3").status == 0);
    CHECK(largest_difference(preview, output) > 3);

    const Folder empty;
    const std::string refused = "txt2img -p x -o " + (empty / "x.png");
    check_refused(run(refused + " --preview x.jpg"), "expected a name with .png", empty);
    check_refused(run(refused + " --preview-interval 2"), "--preview", empty);
    check_refused(run(refused + " --taesd-preview-only"), "--taesd", empty);
    check_refused(run(refused + " --taesd " + nn::shipped_model().string() + "/model.safetensors"),
                  "is no TAESD", empty);
}

TEST_CASE("a separate autoencoder draws as the model's own, if it is the same one") {
    const Folder folder;
    const std::string own = folder / "own.png", separate = folder / "separate.png";
    const std::string command = "txt2img -p 'grinning cat' --steps 4 -o ";
    const std::string model = nn::shipped_model().string() + "/model.safetensors";
    CHECK(run(command + own).status == 0);
    CHECK(run(command + separate + " --vae " + model).status == 0);
    CHECK(largest_difference(own, separate) == 0);
    const Folder empty;
    check_refused(run("txt2img -p x -o " + (empty / "x.png") + " --vae " + (empty / "none")),
                  "no such file", empty);
}

TEST_CASE("what cannot be written is said, and nothing is left behind") {
    const Folder folder;
    check_refused(run("txt2img --prompt cat --steps 1 --output /dev/null/a.png"), "/dev/null",
                  folder);
    check_refused(run("txt2img --prompt cat --steps 1 --output /proc/a.png"), "/proc", folder);
    // A disk that is full after one kilobyte.
    check_refused(run("txt2img --prompt cat --steps 1 --output " + folder / "a.png",
                      "trap '' XFSZ; ulimit -f 1;"),
                  "a.png", folder);
}

TEST_CASE("a seed of -1 is a random one that is told and recorded") {
    const Folder folder;
    const Outcome outcome =
        run("txt2img -p rocket --steps 1 --seed -1 --output " + folder / "a.png");
    INFO(outcome.output);
    REQUIRE(outcome.status == 0);
    REQUIRE_THAT(outcome.output, StartsWith("seed "));
    const std::string seed = outcome.output.substr(5, outcome.output.find('\n') - 5);
    CHECK_THAT(image::read_png_text(folder / "a.png").at("parameters"),
               has_text("Seed: " + seed + ","));
    REQUIRE(
        run("txt2img -p rocket --steps 1 -s " + seed + " --output " + folder / "b.png").status ==
        0);
    CHECK(image::load_image(folder / "a.png") == image::load_image(folder / "b.png"));
    REQUIRE(run("txt2img -p rocket --steps 1 -s -1 --output " + folder / "c.png").status == 0);
    CHECK_FALSE(image::load_image(folder / "a.png") == image::load_image(folder / "c.png"));
}

TEST_CASE("the usual short options") {
    const Folder folder;
    const std::string model = nn::shipped_model().string();
    REQUIRE(run("txt2img -m " + model + " -p cat -n dog -s 3 -W 32 -H 96 -t 1 --steps 1 -o " +
                folder / "a.png")
                .status == 0);
    const image::Image picture = image::load_image(folder / "a.png");
    CHECK(picture.width == 32);
    CHECK(picture.height == 96);
    CHECK_THAT(image::read_png_text(folder / "a.png").at("parameters"),
               StartsWith("cat\nNegative prompt: dog\n") && has_text("Seed: 3,"));
}

TEST_CASE("an output is a PNG, a folder or standard output") {
    const Folder folder;
    const std::string draw = "txt2img --prompt cat --steps 1 --output ";
    for (const char* name : {"a.jpg", "a.JPEG", "a.webp", "a.b.gif"})
        check_refused(run(draw + folder / name), "written as PNG", folder);
    check_refused(run(draw + "- --batch-size 2"), "one picture at a time", folder);

    REQUIRE(run(draw + folder / "A.PNG").status == 0);
    CHECK(fs::is_regular_file(folder / "A.PNG"));
    REQUIRE(run(draw + "- > " + folder / "b.png").status == 0);
    CHECK(image::load_image(folder / "A.PNG") == image::load_image(folder / "b.png"));
    REQUIRE(run(draw + "- | cat > " + folder / "c.png").status == 0);
    CHECK(image::load_image(folder / "A.PNG") == image::load_image(folder / "c.png"));
    CHECK_FALSE(fs::exists("-"));
}

TEST_CASE("a file that exists stays, unless it is to be overwritten") {
    const Folder folder;
    const std::string draw = "txt2img --prompt cat --steps 1 ";
    write_bytes(folder / "a.png", "old");
    Outcome outcome = run(draw + "--output " + folder / "a.png");
    CHECK(outcome.status == 1);
    CHECK_THAT(outcome.output, has_text("a.png exists") && has_text("--overwrite"));
    CHECK(fs::file_size(folder / "a.png") == 3);
    CHECK(run(draw + "--output " + folder / "a.png --overwrite").status == 0);
    CHECK(fs::file_size(folder / "a.png") > 3);

    write_bytes(folder / "b-1.png", "old");
    outcome = run(draw + "--batch-size 2 --output " + folder / "b.png");
    CHECK_THAT(outcome.output, has_text("b-1.png exists"));
    CHECK_FALSE(fs::exists(folder / "b-0.png"));

    write_bytes(folder / "l.safetensors", "old");
    outcome = run(draw + "--output " + folder / "c.png --save-latents " + folder / "l.safetensors");
    CHECK_THAT(outcome.output, has_text("l.safetensors exists"));
}

TEST_CASE("the name that nobody chose gives way, and numbers in a folder go on") {
    const Folder folder;
    const std::string there = "cd " + folder.path().string() + " &&";
    const std::string draw = "txt2img --prompt cat --steps 1 ";
    CHECK(run(draw, there).output == "picture.png\n");
    CHECK(run(draw, there).output == "picture-1.png\n");
    CHECK(run(draw + "--batch-size 2", there).output == "picture-2.png\npicture-3.png\n");
    CHECK(run(draw + "--overwrite", there).output == "picture.png\n");

    CHECK(run(draw + "--batch-size 2 --output all", there).output ==
          "all/0000.png\nall/0001.png\n");
    fs::rename(folder / "all/0001.png", folder / "all/0041.png");
    write_bytes(folder / "all/notes-99.png", "");
    CHECK(run(draw + "--output all", there).output == "all/0042.png\n");
    CHECK(run(draw + "--output all --overwrite", there).output == "all/0000.png\n");
}

TEST_CASE("names that cannot be are refused before the work") {
    const Folder folder, empty;
    const std::string draw = "txt2img --prompt cat --steps 1000 --output ";
    fs::create_directories(folder / "folder.png");
    write_bytes(folder / "file", "");
    CHECK_THAT(run(draw + folder / "folder.png").output, has_text("is a folder"));
    CHECK_THAT(run(draw + folder / "file").output, has_text("is a file"));
    check_refused(run(draw + empty / (std::string(250, 'x') + ".png")), "too long", empty);
    check_refused(run(draw + empty / std::string(300, 'x')), "too long", empty);
    check_refused(run(draw + "''"), "--output is empty", empty);
}

TEST_CASE("a model folder whose name is no UTF-8 draws") {
    const Folder folder;
    fs::create_directory_symlink(nn::shipped_model(), folder / "caf\xe9");
    const Outcome outcome = run("txt2img --prompt cat --steps 1 --model " + folder / "caf\xe9" +
                                " --output " + folder / "a.png");
    INFO(outcome.output);
    CHECK(outcome.status == 0);
    CHECK_THAT(image::read_png_text(folder / "a.png").at("parameters"),
               has_text("Model: caf\\xE9"));
}

TEST_CASE("a prompt file that is no text is refused before the work") {
    const Folder folder, empty;
    const std::string draw = "txt2img --steps 1000 --output " + empty / "all" + " --prompt-file ";
    write_bytes(folder / "nul.txt", std::string("cat\nr\0cket\ndog\n", 15));
    write_bytes(folder / "latin1.txt", "cat\ncaf\xe9\n");
    check_refused(run(draw + folder / "nul.txt"), "NUL", empty);
    check_refused(run(draw + folder / "latin1.txt"), "line 2 is not valid UTF-8", empty);
    check_refused(run(draw + "/dev/zero"), "NUL", empty);
    check_refused(run(draw + folder.path().string()), "is a folder", empty);
    check_refused(run(draw + "/dev/stdin", "yes cat |"), "16 MiB", empty);
    const Outcome piped =
        run("txt2img --steps 1 --prompt-file /dev/stdin --output " + empty / "all",
            "printf 'cat\\n' |");
    CHECK(piped.status == 0);
}

TEST_CASE("what a prompt or a size cannot do here is said in a sentence") {
    const Folder folder;
    int count = 0;
    const auto warning = [&](const std::string& arguments) {
        const std::string file = folder / (std::to_string(count++) + ".png");
        const Outcome outcome = run("txt2img --steps 1 --output " + file + " " + arguments);
        CHECK(outcome.status == 0);
        return outcome.output;
    };
    CHECK_THAT(warning("--prompt 'cat <scene:x>'"),
               has_text("\"<scene:x>\"") && has_text("is left out"));
    CHECK_THAT(warning("--prompt cat --width 128"), has_text("trained on pictures of 64x64"));
    // not one word more for what is fine
    CHECK(warning("--prompt 'a cat (on a mat): 1'").starts_with(folder.path().string()));
    CHECK(warning("--prompt 'a (cat:1.4) in [a hat|a tree]'").starts_with(folder.path().string()));
}

TEST_CASE("what a prompt says wrong is refused in a sentence, before the work") {
    const Folder folder;
    const auto refused = [&](const std::string& arguments, const std::string& words) {
        check_refused(run("txt2img --steps 1000 --output " + folder / "a.png" + " " + arguments),
                      words, folder);
    };
    refused("--prompt '(cat:1.2.3)'", "\"1.2.3\" in the prompt is no number");
    refused("--prompt '(cat:9999999)'", "\"cat\" of the prompt has the weight");
    refused("--prompt cat --negative-prompt '(dog:.)'", "no number");
    refused("--prompt \"$(printf '(%.0s' $(seq 2000))\"", "1000 brackets");
    refused("--prompt \"$(printf 'cat %.0s' $(seq 10000))\"", "at most 5632 tokens");
    refused("--prompt \"$(printf 'cat %.0s' $(seq 30000))\"", "120000 bytes");
    refused("--prompt 'cat <hypernet:x:1>'", "hypernetworks");
    refused("--prompt 'cat <lora:x:1>'", "--lora-dir");
    refused("--prompt 'cat <lora:x:nan>'", "a weight is a number");
    refused("--prompt 'cat <lora:x>' --lora-dir /does/not/exist", "/does/not/exist");
    refused("--prompt cat --clip-skip 5", "4 layers");
    refused("--prompt cat --clip-skip 0", "--clip-skip");
    refused("--prompt cat --prompt-syntax compel", "--prompt-syntax");
    refused("--prompt cat --embedding /does/not/exist.safetensors", "/does/not/exist");
    refused("--prompt cat --embedding-dir /does/not/exist", "/does/not/exist");
}

TEST_CASE("a learned word of a file, and one of another kind of model") {
    const Folder folder;
    const std::vector<float> vectors(2 * 192, 0.05f), wide(768, 0.05f);
    std::filesystem::create_directories(folder / "words");
    const auto word = [&](const std::string& name) {
        return folder / ("words/" + name + ".safetensors");
    };
    const std::vector<io::TensorEntry> good{io::entry_of("emb_params", {2, 192}, vectors)},
        large{io::entry_of("emb_params", {1, 768}, wide)},
        many{io::entry_of("a", {1, 192}, std::span(vectors).first(192)),
             io::entry_of("b", {1, 192}, std::span(vectors).first(192))};
    io::write_safetensors(word("zork"), good);
    io::write_safetensors(word("blob"), large);
    io::write_safetensors(word("pair"), many);
    const auto draw = [&](const std::string& picture, const std::string& arguments) {
        return run("txt2img --steps 1 --output " + folder / picture + " " + arguments);
    };
    REQUIRE(draw("a.png", "--prompt 'red zork'").status == 0);
    REQUIRE(draw("b.png", "--prompt 'red zork' --embedding " + word("zork")).status == 0);
    const Outcome of_folder =
        draw("c.png", "--prompt 'red zork' --embedding-dir " + folder / "words");
    INFO(of_folder.output);
    REQUIRE(of_folder.status == 0);
    CHECK_THAT(of_folder.output, has_text("not used: ") && has_text("pair.safetensors"));
    CHECK(image::load_image(folder / "b.png") == image::load_image(folder / "c.png"));
    CHECK_FALSE(image::load_image(folder / "a.png") == image::load_image(folder / "b.png"));

    const auto refused = [&](const std::string& arguments) {
        const Outcome outcome =
            run("txt2img --steps 1000 --output " + folder / "x.png" + " " + arguments);
        CHECK(outcome.status == 1);
        CHECK_THAT(outcome.output, has_text("'blob'") && has_text("width 768"));
        CHECK_FALSE(std::filesystem::exists(folder / "x.png"));
    };
    refused("--prompt cat --embedding " + word("blob"));
    refused("--prompt 'a blob' --embedding-dir " + folder / "words");
}

TEST_CASE("the PNG names the LoRAs that were added") {
    const Folder folder;
    const std::string layer = "text_model.encoder.layers.0.self_attn.q_proj";
    const io::TensorFile model = io::open_safetensors(nn::shipped_model() / "model.safetensors");
    const Shape shape = model.at("cond_stage_model.transformer." + layer + ".weight").shape;
    std::string name = "lora_te_" + layer;
    std::ranges::replace(name, '.', '_');
    std::vector<float> down(shape[1]), up(shape[0]), alpha(1, 1.0f);
    // enough of a change to be seen
    for (std::size_t i = 0; i < down.size(); ++i) down[i] = std::sin(static_cast<float>(i));
    for (std::size_t i = 0; i < up.size(); ++i) up[i] = std::cos(static_cast<float>(3 * i));
    const std::vector<io::TensorEntry> lora{
        io::entry_of(name + ".lora_down.weight", {1, shape[1]}, down),
        io::entry_of(name + ".lora_up.weight", {shape[0], 1}, up),
        io::entry_of(name + ".alpha", {}, alpha)};
    io::write_safetensors(folder / "style.safetensors", lora);
    const Outcome outcome = run("txt2img --prompt cat --steps 1 --output " + folder / "a.png" +
                                " --lora " + folder / "style.safetensors:0.5");
    INFO(outcome.output);
    REQUIRE(outcome.status == 0);
    CHECK_THAT(image::read_png_text(folder / "a.png").at("parameters"),
               has_text("Lora: \"style: 0.5\""));

    // named in the prompt it does the same, and the prompt stands in the PNG as it was typed
    const std::string draw =
        "txt2img --steps 1 --lora-dir " + folder.path().string() + " --output ";
    REQUIRE(run(draw + folder / "b.png" + " --prompt 'cat <lora:style:0.5>'").status == 0);
    REQUIRE(run(draw + folder / "c.png" + " --prompt 'cat <lora:style:0:0.5>'").status == 0);
    REQUIRE(run(draw + folder / "d.png" + " --prompt cat").status == 0);
    const auto picture = [&](const char* file) { return image::load_image(folder / file); };
    CHECK(picture("b.png") == picture("a.png"));
    // it changes the text encoder only
    CHECK(picture("c.png") == picture("d.png"));
    CHECK_FALSE(picture("a.png") == picture("d.png"));
    CHECK_THAT(image::read_png_text(folder / "b.png").at("parameters"),
               StartsWith("cat <lora:style:0.5>\n"));
    const Outcome unknown = run(draw + folder / "e.png" + " --prompt 'cat <lora:stile>'");
    CHECK(unknown.status == 1);
    CHECK_THAT(unknown.output, has_text("no LoRA 'stile'") && has_text("nearest: 'style'"));
    write_bytes(folder / "prompts.txt", "cat <lora:style>\ndog\n");
    CHECK_THAT(run(draw + folder / "all" + " --prompt-file " + folder / "prompts.txt").output,
               has_text("names other LoRAs"));
}

TEST_CASE("Ctrl-C, a polite kill and a terminal that goes away stop cleanly") {
    const Folder folder;
    for (const char* signal : {"INT", "TERM", "HUP"}) {
        const Outcome outcome =
            run("txt2img --prompt cat --sampler ddpm --output " + folder / "a.png",
                std::string("timeout --preserve-status --signal=") + signal + " 2");
        CHECK(outcome.status == 130);
        CHECK(folder.empty());
    }
}

namespace {

/// Runs `ldm <arguments>` on a terminal, and presses Ctrl-C when `word` appears there.
Outcome interrupt_at(const std::string& word, const std::string& arguments) {
    const Folder folder;
    const std::string command = "sh -c '{ script -qefc \"echo \\$\\$ > " + folder / "pid" +
                                "; exec " LDM_PROGRAM " " + arguments + "\" " + folder / "log" +
                                " > /dev/null & } ; script=$!; until grep -q \"" + word + "\" " +
                                folder / "log" +
                                " 2>/dev/null; do kill -0 $script 2>/dev/null || break; sleep "
                                "0.01; done; kill -INT $(cat " +
                                folder / "pid" + "); wait $script' 2>/dev/null";
    const int status = std::system(command.c_str());
    std::ifstream log(folder / "log", std::ios::binary);
    return {WEXITSTATUS(status), std::string(std::istreambuf_iterator<char>(log), {})};
}

}  // namespace

TEST_CASE("on a terminal loading and decoding are shown, and Ctrl-C ends them, too") {
    const Folder folder;
    for (const char* word : {"loading", "decoding"}) {
        const Outcome outcome =
            interrupt_at(word, "txt2img --prompt cat --steps 1 --width 768 --height 768 --output " +
                                   folder / "a.png");
        INFO(outcome.output);
        CHECK(outcome.status == 130);
        CHECK_THAT(outcome.output, has_text(word) && has_text("stopped"));
        CHECK(folder.empty());
    }
}

TEST_CASE("broken model files get one line") {
    const Folder folder, other;
    auto inspect = [&](const std::string& bytes, const std::string& words = "") {
        write_bytes(folder / "m.safetensors", bytes);
        const Outcome outcome = run("inspect " + folder / "m.safetensors");
        INFO(outcome.output);
        CHECK(outcome.status != 0);
        CHECK(outcome.status < 128);
        CHECK(outcome.lines() == 1);
        CHECK_THAT(outcome.output, has_text("m.safetensors: ") && has_text(words));
    };
    inspect("GGUF\x03 and more", "a GGUF file");
    inspect("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
    inspect("<!DOCTYPE html>\n<html>\n", "a web page");
    inspect("PK\x03\x04", "cut");
    inspect("");
    inspect("short");
    inspect(header("{}", std::size_t{1} << 62));
    inspect(header("{\"a\"", 4));
    inspect(header(R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", 54) + "0000");
    inspect(header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 54) + "0000");
    inspect(header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 54));
    CHECK_THAT(run("inspect /does/not/exist").output, has_text("/does/not/exist"));
    CHECK_THAT(run("verify /does/not/exist").output, StartsWith("ERROR /does/not/exist"));
}

TEST_CASE("a file that describes networks is counted, one that describes none gets one line") {
    const Outcome counted = run("inspect " LDM_SOURCE_DIR "/reference_data/configs/bsr_sr.yaml");
    CHECK(counted.status == 0);
    for (const char* words : {"VQModelInterface", "113622563", "168945345", "322.2 MiB"})
        CHECK_THAT(counted.output, has_text(words));

    const Folder folder;
    const auto refused = [&](const std::string& yaml, const std::string& words) {
        write_bytes(folder / "m.yaml", yaml);
        const Outcome outcome = run("inspect " + folder / "m.yaml");
        INFO(outcome.output);
        CHECK(outcome.status == 1);
        CHECK(outcome.lines() == 1);
        CHECK_THAT(outcome.output, has_text("m.yaml: ") && has_text(words));
    };
    refused("target: x.AutoencoderLK\n", "nearest: 'AutoencoderKL'");
    refused("target: x.ClassEmbedder\n", "embed_dim");
    refused("model: {params: {}}\n", "'target'");
    refused("model: 5\n", "");
    refused("", "");
}

TEST_CASE("a checkpoint that lacks weights says which, and what is near") {
    const Folder folder;
    const fs::path shipped = nn::shipped_model();
    for (const char* name : {"config.json", "merges.txt"})
        fs::copy(shipped / name, folder.path() / name);
    const io::TensorFile whole = io::open_safetensors(shipped / "model.safetensors");
    std::vector<io::TensorEntry> entries;
    for (io::TensorEntry entry : whole.entries()) {
        if (entry.name == "model.diffusion_model.time_embed.0.weight")
            entry.name = "model.diffusion_model.time_embd.0.weight";
        if (entry.name == "model.diffusion_model.time_embed.2.bias") continue;
        if (entry.name == "model.diffusion_model.out.0.bias")
            entry.shape.insert(entry.shape.begin(), 1);
        entries.push_back(entry);
    }
    io::write_safetensors(folder / "model.safetensors", entries);
    for (const std::string command : {"inspect ", "txt2img --prompt cat --model "}) {
        const Outcome outcome = run(command + folder.path().string());
        INFO(outcome.output);
        CHECK(outcome.status != 0);
        CHECK_THAT(outcome.output,
                   has_text("'model.diffusion_model.time_embed.0.weight'") &&
                       has_text("is missing") &&
                       has_text("nearest: 'model.diffusion_model.time_embd.0.weight'") &&
                       has_text("'model.diffusion_model.time_embed.2.bias'") &&
                       has_text("'model.diffusion_model.out.0.bias' is [1, "));
    }
}

TEST_CASE("inspect tells what the shipped model is") {
    const Outcome outcome = run("inspect " + nn::shipped_model().string());
    INFO(outcome.output);
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.output, has_text("UNet") && has_text("autoencoder") && has_text("CLIP") &&
                                   has_text("whole"));
}

TEST_CASE("verify in 16 bits is for a GPU") {
    CHECK_THAT(run("verify --dtype f16 " LDM_SOURCE_DIR
                   "/reference_data/05_resblock/ResBlock.tiny_input.safetensors")
                   .output,
               has_text("--dtype f16 is for --device cuda"));
}

TEST_CASE("bench says when there is no cuDNN") {
    if (build::has_cudnn) return;
    const Outcome outcome = run("bench --parts clip --repeats 1 --cudnn attention");
    CHECK(outcome.status != 0);
    CHECK_THAT(outcome.output, has_text("without cuDNN"));
}

TEST_CASE("verify prints a line for each tensor and counts the files") {
    const std::string file =
        LDM_SOURCE_DIR "/reference_data/05_resblock/ResBlock.tiny_input.safetensors";
    const Outcome text = run("verify " + file);
    CHECK(text.status == 0);
    CHECK_THAT(text.output,
               has_text("PASS ResBlock.tiny_input out/out err=") && has_text("1 passed, 0 failed"));
    const Outcome json = run("verify --json " + file + " /does/not/exist");
    CHECK(json.status != 0);
    const auto report = nlohmann::json::parse(json.output);
    CHECK(report["passed"] == 1);
    CHECK(report["failed"] == 1);
    CHECK(report["files"][0]["status"] == "passed");
    CHECK(report["files"][1]["status"] == "error");
}

namespace {

/// Four pictures and the settings of an autoencoder so small that a step takes a moment.
void write_training(const Folder& folder) {
    fs::create_directories(folder / "data");
    for (int i = 0; i < 4; ++i) {
        image::Image picture(16, 16);
        for (int x = 0; x < 16; ++x)
            picture.set(x, 4 * i, {200, static_cast<std::uint8_t>(60 * i), 0});
        image::save_png(folder / ("data/" + std::to_string(i) + ".png"), picture);
    }
    io::write_json(folder / "config.json", {{"steps", 30},
                                            {"batch_size", 2},
                                            {"learning_rate", 1e-3},
                                            {"checkpoint_every", 1},
                                            {"data", {{"size", 16}}},
                                            {"first_stage_config",
                                             {{"embed_dim", 4},
                                              {"ddconfig",
                                               {{"z_channels", 4},
                                                {"resolution", 16},
                                                {"in_channels", 3},
                                                {"out_ch", 3},
                                                {"ch", 32},
                                                {"ch_mult", {1, 1}},
                                                {"num_res_blocks", 1},
                                                {"attn_resolutions", io::Json::array()}}}}},
                                            {"loss",
                                             {{"kl_weight", 1e-6},
                                              {"perceptual_weight", 0},
                                              {"disc_start", 0},
                                              {"disc_num_layers", 1}}}});
}

std::string train_into(const Folder& folder, const std::string& output,
                       const std::string& more = "") {
    return "train autoencoder --config " + folder / "config.json" + " --data " + folder / "data" +
           " --output " + folder / output + " " + more;
}

}  // namespace

TEST_CASE("a training that was killed goes on as if it had not been, to the last bit") {
    const Folder folder;
    write_training(folder);
    REQUIRE(run(train_into(folder, "straight")).status == 0);

    // kill -9 in the midst of it, twice, at moments that nobody chose
    for (const char* until : {"step_000004.safetensors", "step_000017.safetensors"}) {
        const std::string killed =
            "sh -c '" LDM_PROGRAM " " + train_into(folder, "killed", "--resume") +
            " > /dev/null 2>&1 & pid=$!; while [ ! -e " + folder / "killed/checkpoints/" + until +
            " ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done; kill -9 $pid; wait $pid'";
        REQUIRE(std::system(killed.c_str()) != 0);
        REQUIRE_FALSE(fs::exists(folder / "killed/model"));
    }
    const Outcome resumed = run(train_into(folder, "killed", "--resume"));
    INFO(resumed.output);
    REQUIRE(resumed.status == 0);
    CHECK_THAT(resumed.output, has_text("going on after step"));

    const io::TensorFile a = io::open_safetensors(folder /
                                                  "straight/checkpoints/step_000030.safetensors"),
                         b = io::open_safetensors(folder /
                                                  "killed/checkpoints/step_000030.safetensors");
    REQUIRE(a.entries().size() == b.entries().size());
    for (const io::TensorEntry& entry : a.entries()) {
        INFO(entry.name);
        CHECK(std::ranges::equal(entry.bytes, b.at(entry.name).bytes));
    }
    std::ifstream curve(folder / "killed/curve.csv");
    // a head, and no step twice
    CHECK(std::count(std::istreambuf_iterator<char>(curve), {}, '\n') == 31);
}

TEST_CASE("a training that is refused leaves the one that is running there alone") {
    const Folder folder;
    write_training(folder);
    std::string lines;
    for (int i = 0; i < 4; ++i)
        lines += "{\"file_name\": \"" + std::to_string(i) + ".png\", \"text\": \"red red\"}\n";
    write_bytes(folder / "data/metadata.jsonl", lines);
    io::Json config = io::read_json(folder / "config.json");
    for (const char* key : {"first_stage_config", "loss"}) config.erase(key);
    config["vocabulary"] = 1;
    io::write_json(folder / "config.json", config);

    fs::create_directories(folder / "out/checkpoints");
    write_bytes(folder / "out/merges.txt", "of the running training");
    const int lock = ::open((folder / "out/checkpoints/.lock").c_str(), O_RDWR | O_CREAT, 0666);
    REQUIRE(::flock(lock, LOCK_EX | LOCK_NB) == 0);
    const Outcome outcome = run("train clip --config " + folder / "config.json" + " --data " +
                                folder / "data" + " --output " + folder / "out");
    ::close(lock);
    CHECK(outcome.status == 1);
    CHECK_THAT(outcome.output, has_text("another training is writing here"));
    std::ifstream merges(folder / "out/merges.txt");
    CHECK(std::string(std::istreambuf_iterator<char>(merges), {}) == "of the running training");
}

TEST_CASE("a training is refused in one line when it cannot be") {
    const Folder folder;
    write_training(folder);
    const auto refused = [&](const std::string& arguments, const std::string& words) {
        const Outcome outcome = run(arguments);
        INFO(outcome.output);
        CHECK(outcome.status != 0);
        CHECK(outcome.status < 128);
        CHECK_THAT(outcome.output, has_text(words));
        CHECK(outcome.lines() <= 2);
        CHECK_FALSE(fs::exists(folder / "out/model"));
    };
    refused("train autoencoder --config " + folder / "none.json" + " --data " +
                folder / "data --output " + folder / "out",
            "none.json");
    refused("train autoencoder --config " + folder / "config.json" + " --data " +
                folder / "none --output " + folder / "out",
            "none");
    refused("train clip --config " + folder / "config.json" + " --data " +
                folder / "data --output " + folder / "out",
            "first_stage_config");
    refused(train_into(folder, "out", "--max-steps 0"), "--max-steps");
    refused(train_into(folder, "out", "--max-minutes nan"), "--max-minutes");
    refused(train_into(folder, "out", "--init " + folder / "config.json"), "config.json");
}
