// Where options come from beside the command line: --config, lines of --prompt-file, --grid.

#include <filesystem>

#include "common/image/png.h"
#include "tests/support/program.h"

namespace {

namespace fs = std::filesystem;
using namespace ldm;
using Catch::Matchers::StartsWith;
using test::check_refused;
using test::Folder;
using test::has_text;
using test::Outcome;
using test::run;
using test::write_bytes;

std::string parameters_of(const std::string& path) {
    return image::read_png_text(path).at("parameters");
}

bool same_pixels(const std::string& a, const std::string& b) {
    return image::load_image(a) == image::load_image(b);
}

/// A part of a picture.
image::Image part(const image::Image& picture, int left, int top, int width, int height) {
    image::Image cut(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) cut.set(x, y, picture.at(left + x, top + y));
    return cut;
}

}  // namespace

TEST_CASE("--config says what the command line does not") {
    const Folder folder;
    write_bytes(folder / "c.json", R"({"steps": 2, "seed": 5, "prompt": "a, #1 [cat|\"dog\"]",
        "overwrite": true, "strength": 0.5,
        "txt2img": {"seed": 18446744073709551615, "cfg-scale": 2.5, "overwrite": false},
        "img2img": {"steps": 4}})");
    const std::string config = " --config " + folder / "c.json" + " --output ";
    REQUIRE(run("txt2img" + config + folder / "a.png").status == 0);
    CHECK_THAT(parameters_of(folder / "a.png"),
               StartsWith("a, #1 [cat|\"dog\"]\nSteps: 2, ") &&
                   has_text("CFG scale: 2.5, Seed: 18446744073709551615,"));
    CHECK_THAT(run("txt2img" + config + folder / "a.png").output, has_text("a.png exists"));
    REQUIRE(run("txt2img --steps 3 --overwrite" + config + folder / "a.png").status == 0);
    CHECK_THAT(parameters_of(folder / "a.png"), has_text("Steps: 3, ") && has_text("scale: 2.5"));
    REQUIRE(run("img2img --init-image " + folder / "a.png" + config + folder / "b.png").status ==
            0);
    CHECK_THAT(parameters_of(folder / "b.png"),
               has_text("Steps: 4, ") && has_text("Denoising strength: 0.5"));
    // a picture knows better
    REQUIRE(run("txt2img --from " + folder / "a.png" + config + folder / "c.png").status == 0);
    CHECK(same_pixels(folder / "a.png", folder / "c.png"));
    // what is required may stand there, and what one prompt excludes
    write_bytes(folder / "i.json",
                "{\"init-image\": \"" + folder / "a.png" + "\", \"prompt\": \"dog\"}");
    write_bytes(folder / "lines.txt", "cat\n");
    CHECK(run("img2img --steps 2 --config " + folder / "i.json" + " --prompt-file " +
              folder / "lines.txt --output " + folder / "all")
              .status == 0);
}

TEST_CASE("a configuration that cannot be is refused in a sentence") {
    const Folder folder, empty;
    const auto refused = [&](const std::string& json, const std::string& words) {
        write_bytes(folder / "c.json", json);
        check_refused(run("txt2img --prompt cat --config " + folder / "c.json" + " --output " +
                          empty / "a.png"),
                      words, empty);
    };
    refused(R"({"stesp": 3})", "c.json: there is no option \"stesp\", nearest: 'steps'");
    refused(R"({"txt2img": {"strength": 0.5}})", "there is no option \"strength\"");
    refused(R"({"img2img": {"strenght": 0.5}})", "nearest: 'strength'");
    refused(R"({"steps": 0})", "c.json: --steps");
    refused(R"({"steps": [3]})", "\"steps\" takes one value");
    refused(R"({"lora": []})", "\"lora\" is empty");
    refused(R"({"steps": {"a": 1}})", "a text, a number, true or false");
    refused(R"({"txt2img": 3})", "an object with the options of that command");
    refused(R"([1])", "options stand in an object");
    refused(R"({"steps": 3)", "c.json");
    refused(R"({"config": "c.json"})", "there is no option \"config\"");
    refused(R"({"help": true})", "there is no option \"help\"");
    check_refused(run("txt2img --prompt cat --config /does/not/exist"), "/does/not/exist", empty);
}

TEST_CASE("a line of a prompt file may carry options, and draws what its own command would") {
    const Folder folder;
    write_bytes(folder / "lines.txt",
                "red apple\n"
                "--prompt \"a \\\"cat\\\", (red:1.2)\" --steps 3 --seed 5 --cfg_scale 4\n"
                "  --seed=9 --negative_prompt cat, dog --prompt rocket ship\n"
                "snowman -- not an option --steps 3\n"
                "--prompt 'grinning cat' --width 48 --sampler euler_a --eta 0.5 --clip-skip 2\n"
                "--prompt dog --hires-scale 1.5\n"
                "--prompt dog --variation-seed 3\n");
    const std::string base = " --steps 2 --output ";
    const Outcome all =
        run("txt2img --prompt-file " + folder / "lines.txt" + base + folder / "all");
    INFO(all.output);
    REQUIRE(all.status == 0);
    const auto check = [&](const std::string& number, const std::string& options) {
        INFO(options);
        const Outcome one = run("txt2img --overwrite" + base + folder / "one.png " + options);
        INFO(one.output);
        REQUIRE(one.status == 0);
        const std::string line = folder / ("all/000" + number + ".png");
        CHECK(same_pixels(folder / "one.png", line));
        CHECK(parameters_of(folder / "one.png") == parameters_of(line));
    };
    check("0", "--prompt 'red apple'");
    check("2", "--prompt 'rocket ship' --negative-prompt 'cat, dog' --seed 9");
    check("3", "--prompt 'snowman -- not an option --steps 3'");
    check("4", "--prompt 'grinning cat' --width 48 --sampler euler_a --eta 0.5 --clip-skip 2");
    check("5", "--prompt dog --hires-scale 1.5");
    check("6", "--prompt dog --variation-seed 3");
    CHECK_THAT(parameters_of(folder / "all/0001.png"),
               StartsWith("a \"cat\", (red:1.2)\nSteps: 3, ") && has_text("scale: 4, Seed: 5,"));
}

TEST_CASE("a line that cannot be is refused with its number, before the work") {
    const Folder folder, empty;
    const auto refused = [&](const std::string& line, const std::string& words) {
        write_bytes(folder / "lines.txt", "cat\n" + line + "\n");
        check_refused(run("txt2img --steps 1000 --prompt-file " + folder / "lines.txt" +
                          " --output " + empty / "all"),
                      "lines.txt, line 2: " + words, empty);
    };
    refused("--prompt cat --stesp 3",
            "these arguments were not expected: --stesp 3; did you mean --steps?");
    refused("--prompt cat --steps 0", "--steps");
    refused("--prompt cat --steps many", "");
    refused("--prompt \"cat --steps 3", "a quotation mark \" is never closed");
    refused("--prompt cat --model x.safetensors",
            "--model is for the whole run: give it on the command line");
    refused("--prompt cat --output=x.png", "--output is for the whole run");
    refused("--prompt cat --batch-size 2", "--batch-size is for the whole run");
    refused("--prompt cat --from a.png", "--from is for the whole run");
    refused("--prompt cat --sampler best", "--sampler");
    refused("--prompt cat --sampler euler --eta 0.5 --seed", "--seed");
    refused("--prompt cat --hires-strength 0.5", "--hires-strength");
}

TEST_CASE("a grid draws each pair of values, and all of them with labels") {
    const Folder folder;
    const std::string draw = "txt2img --prompt 'red apple' --seed 7 --overwrite ";
    const Outcome outcome =
        run(draw + "--grid 'x=steps:1,2,3 y=sampler:ddim,euler_a' --output " + folder / "g.png");
    INFO(outcome.output);
    REQUIRE(outcome.status == 0);
    CHECK(outcome.lines() == 7);
    const image::Image grid = image::load_image(folder / "g.png");
    // three and two cells of 64 pixels, and room for labels
    CHECK(grid.width > 3 * 64 + 4 * 6);
    CHECK(grid.height > 2 * 64 + 3 * 6);
    const int left = grid.width - 3 * (64 + 6), top = grid.height - 2 * (64 + 6);
    const char* samplers[] = {"ddim", "euler_a"};
    const char* steps[] = {"1", "2", "3"};
    for (int row = 0; row < 2; ++row)
        for (int column = 0; column < 3; ++column) {
            const std::string cell = folder / ("g-" + std::to_string(3 * row + column) + ".png");
            const image::Image picture = image::load_image(cell);
            CHECK(part(grid, left + 70 * column, top + 70 * row, 64, 64) == picture);
            if (row + column == 1) continue;
            REQUIRE(run(draw + "--overwrite --steps " + steps[column] + " --sampler " +
                        samplers[row] + " --output " + folder / "one.png")
                        .status == 0);
            CHECK(same_pixels(cell, folder / "one.png"));
            CHECK(parameters_of(cell) == parameters_of(folder / "one.png"));
        }
    // the labels are there
    const image::Image white(64, top - 6);
    CHECK_FALSE(part(grid, left, 0, 64, top - 6) == white);
    CHECK_THAT(parameters_of(folder / "g.png"),
               StartsWith(parameters_of(folder / "g-0.png")) &&
                   has_text(", Grid: \"x=steps:1,2,3 y=sampler:ddim,euler_a\""));
    REQUIRE(run("txt2img --from " + folder / "g.png" + " --output " + folder / "again").status ==
            0);
    CHECK(same_pixels(folder / "g.png", folder / "again/grid-0000.png"));
    CHECK(same_pixels(folder / "g-5.png", folder / "again/0005.png"));
}

TEST_CASE("a grid of prompts, of sizes, and of changed pictures") {
    const Folder folder;
    REQUIRE(run("txt2img --prompt 'red apple' --negative-prompt apple --steps 2 --output " +
                folder / "g.png" +
                " --grid x=prompt:apple,\\\"heart,\\ \\\"\\\"big\\\"\\\"\\\" "
                "y=width:32,64")
                .status == 0);
    CHECK_THAT(parameters_of(folder / "g-1.png"),
               StartsWith("red heart, \"big\"\nNegative prompt: heart, \"big\"\n") &&
                   has_text("Size: 32x64"));
    CHECK(image::load_image(folder / "g-2.png").width == 64);
    const Outcome outcome = run("img2img --init-image " + folder / "g-2.png" +
                                " --prompt dog --steps 4 --grid "
                                "y=strength:0.25,0.75 --output " +
                                folder / "s.png");
    INFO(outcome.output);
    REQUIRE(outcome.status == 0);
    CHECK_THAT(parameters_of(folder / "s-1.png"), has_text("Denoising strength: 0.75"));
    CHECK(fs::exists(folder / "s.png"));
}

TEST_CASE("a grid that cannot be is refused before the model is loaded") {
    const Folder folder;
    const auto refused = [&](const std::string& grid, const std::string& words) {
        check_refused(run("txt2img --prompt cat --model /does/not/exist --grid '" + grid +
                          "' --output " + folder / "g.png"),
                      words, folder);
    };
    refused("x=cfg-scal:4,8", "there is no option 'cfg-scal', nearest: 'cfg-scale'");
    refused("x=samplr:ddim", "nearest: 'sampler'");
    refused("x=sampler:ddim,eulr", "nearest: 'euler'");
    refused("x=cfg:4,8 x=steps:3", "x= stands there twice");
    refused("x=cfg:4 y=cfg:8", "both axes are cfg-scale");
    refused("cfg:4,8", "an axis begins with x= or y=");
    refused("", "an axis begins with x= or y=");
    refused("z=cfg:4,8", "an axis begins with x= or y=");
    refused("x=cfg", "an axis is an option and its values");
    refused("x=cfg:", "there are no values of cfg-scale");
    refused("x=cfg:4,,8", "--cfg-scale");
    refused("x=model:a,b", "--model is for the whole run, and no axis");
    refused("x=prompt:dog,cat", "\"dog\", the first value of prompt, is searched");
    refused("x=hires-strength:0.5", "--hires-strength");
    const std::string draw = "txt2img --prompt cat --grid ";
    check_refused(run(draw + "x=width:60,63 --output " + folder / "g.png"), "multiples of", folder);
    check_refused(run(draw + "x=sampler:ddim,euler --eta 0.5 --output " + folder / "g.png"),
                  "it has no eta", folder);
    check_refused(run(draw + "x=cfg:4,8 --output -"), "a .png or a folder", folder);
    check_refused(run(draw + "x=cfg:1,2,3 --width 16384 --height 64 --output " + folder / "g.png"),
                  "is too large", folder);
}
