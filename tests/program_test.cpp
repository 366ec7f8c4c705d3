// The program `ldm` as a person meets it: what it prints, what it leaves behind, and that bad input
// gets one clear line and a non-zero status.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "common/device/build.h"
#include "common/device/device.h"
#include "common/image/png.h"
#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/nn/model_source.h"
#include "common/ops/precision.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::StartsWith;
using ldm::test::has_text;
using namespace ldm;

struct Outcome {
    int status;
    // both streams
    std::string output;
    int lines() const { return static_cast<int>(std::count(output.begin(), output.end(), '\n')); }
};

/// Runs `ldm <arguments>` in the shell.
Outcome run(const std::string& arguments, const std::string& before = "") {
    const std::string command = before + " " LDM_PROGRAM " " + arguments + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe);
    Outcome outcome{};
    std::array<char, 4096> buffer;
    while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
        outcome.output.append(buffer.data(), n);
    const int status = ::pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
}

/// An empty folder that is gone afterwards.
struct Folder : test::TemporaryFolder {
    std::string operator/(const std::string& name) const { return (path() / name).string(); }
};

/// One clear line, a status of its own, nothing left in the folder.
void check_refused(const Outcome& outcome, const std::string& words, const Folder& folder) {
    INFO(outcome.output);
    CHECK(outcome.status != 0);
    CHECK(outcome.status < 128);
    CHECK_THAT(outcome.output, has_text(words));
    // CLI11 adds a line that points to --help
    CHECK(outcome.lines() <= 2);
    CHECK(folder.empty());
}

void write_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string header(const std::string& json, std::size_t length) {
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i) & 0xFF);
    return bytes + json;
}

}  // namespace

TEST_CASE("every command has a help that names its options") {
    CHECK_THAT(run("--help").output, has_text("txt2img") && has_text("verify") &&
                                         has_text("inspect") && has_text("bench"));
    for (const char* option :
         {"--model", "--prompt", "--negative-prompt", "--steps", "--cfg-scale", "--sampler",
          "--seed", "--width", "--height", "--batch-size", "--threads", "--device", "--output",
          "--prompt-file", "--save-latents"})
        CHECK_THAT(run("txt2img --help").output, has_text(option));
    CHECK(run("").status != 0);
    CHECK(run("paint").status != 0);
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
                " --save-latents " + folder / "l.safetensors")
                .status == 0);
    const io::SafetensorsFile file(folder / "l.safetensors");
    CHECK(file.entries().size() == 6);
    for (const char* name : {"noise", "step.0", "step.1", "step.2", "step.3", "final"})
        CHECK(file.contains(name));
    CHECK(io::read_floats(file.at("final")) == io::read_floats(file.at("step.3")));
}

TEST_CASE("a prompt that is too long is cut with a warning that quotes what was cut") {
    const Folder folder;
    std::string prompt;
    for (int i = 0; i < 100; ++i) prompt += "cat ";
    const Outcome outcome =
        run("txt2img --steps 1 --prompt '" + prompt + "zebra' --output " + folder / "a.png");
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.output, has_text("too long") && has_text("zebra"));
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
    check_refused(run(draw + "--seed -1"), "--seed", folder);
    check_refused(run(draw + "--width 1e9"), "--width", folder);
    check_refused(run(draw + "--sampler best"), "--sampler", folder);
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

TEST_CASE("Ctrl-C stops cleanly") {
    const Folder folder;
    const Outcome outcome = run("txt2img --prompt cat --sampler ddpm --output " + folder / "a.png",
                                "timeout --signal=INT --preserve-status 2");
    CHECK(outcome.status == 130);
    CHECK(folder.empty());
}

TEST_CASE("broken model files get one line") {
    const Folder folder, other;
    auto inspect = [&](const std::string& bytes) {
        write_bytes(folder / "m.safetensors", bytes);
        const Outcome outcome = run("inspect " + folder / "m.safetensors");
        INFO(outcome.output);
        CHECK(outcome.status != 0);
        CHECK(outcome.status < 128);
        CHECK(outcome.lines() == 1);
        CHECK_THAT(outcome.output, has_text("m.safetensors"));
    };
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

TEST_CASE("a checkpoint that lacks weights says which, and what is near") {
    const Folder folder;
    const fs::path shipped = nn::shipped_model();
    for (const char* name : {"config.json", "merges.txt"})
        fs::copy(shipped / name, folder.path() / name);
    const io::SafetensorsFile whole(shipped / "model.safetensors");
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

    const io::SafetensorsFile a(folder / "straight/checkpoints/step_000030.safetensors"),
        b(folder / "killed/checkpoints/step_000030.safetensors");
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
