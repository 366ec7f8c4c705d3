#include "common/report/chapter_program.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "common/device/build.h"
#include "common/error.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/report/interrupt.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::report;
namespace fs = std::filesystem;

namespace {

using Body = std::function<void(const ChapterArguments&)>;

int run(std::vector<std::string> arguments, const Body& body, int* steps = nullptr) {
    arguments.insert(arguments.begin(), "program");
    arguments.insert(arguments.end(), {"--model", "."});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ChapterProgram program("00_test", "A test.");
    if (steps) program.option("--steps", *steps, "how many");
    return program.run(static_cast<int>(argv.size()), argv.data(), body);
}

/// A program that is refused: its status, and what it says about it on stderr.
std::pair<int, std::string> refused(const std::vector<std::string>& arguments) {
    std::FILE* file = std::tmpfile();
    const int before = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file), STDERR_FILENO);
    const int status = run(arguments, [](const ChapterArguments&) { FAIL("it ran"); });
    std::fflush(stderr);
    ::dup2(before, STDERR_FILENO);
    ::close(before);
    REQUIRE(std::fseek(file, 0, SEEK_SET) == 0);
    std::string words;
    for (int byte; (byte = std::fgetc(file)) != EOF;) words += static_cast<char>(byte);
    std::fclose(file);
    return {status, words};
}

/// Why there is no computing with CUDA here; empty where there is.
std::string why_no_cuda() {
    try {
        expect_usable(Device::cuda);
    } catch (const Error& why) {
        return why.what();
    }
    return "";
}

}  // namespace

TEST_CASE("chapter program: options arrive, the folder is made, the picture is there") {
    test::TemporaryFolder folder;
    int steps = 3;
    const int status = run(
        {"--output", (folder / "a/b").string(), "--seed", "18446744073709551615", "--steps", "7"},
        [&](const ChapterArguments& arguments) {
            CHECK(arguments.seed == 18446744073709551615ull);
            arguments.save("x.png", image::Image(2, 2));
        },
        &steps);
    CHECK(status == 0);
    CHECK(steps == 7);
    CHECK(fs::exists(folder / "a/b/x.png"));
}

TEST_CASE("chapter program: figures are written in the format that was asked for") {
    test::TemporaryFolder folder;
    const std::string output = folder.path().string();
    const Body body = [](const ChapterArguments& arguments) {
        figures::Canvas figure(20, 10);
        figure.set_title("nothing yet");
        arguments.save("x.png", figure);
    };
    CHECK(run({"--output", output}, body) == 0);
    CHECK(image::load_image(folder / "x.png") == image::Image(20, 10));
    CHECK(!fs::exists(folder / "x.svg"));
    CHECK(run({"--output", output, "--figures", "svg"}, body) == 0);
    CHECK_THAT(io::read_text_file(folder / "x.svg"), test::has_text("<title>nothing yet</title>"));
    CHECK(run({"--output", output, "--figures", "gif"}, body) == 2);
}

TEST_CASE("chapter program: every kind of end has its status") {
    test::TemporaryFolder folder;
    const std::string output = folder.path().string();
    const Body nothing = [](const ChapterArguments&) {};
    CHECK(run({"--output", output}, nothing) == 0);
    CHECK(run({"--help"}, nothing) == 0);
    CHECK(run({"--no-such-option"}, nothing) == 2);
    CHECK(run({"--seed", "many"}, nothing) == 2);
    CHECK(run({"--threads", "-1"}, nothing) == 2);
    CHECK(run({"--output", "/proc/none"}, nothing) == 1);
    CHECK(run({"--output", output}, [](const ChapterArguments&) { throw Error("no model"); }) == 1);
    CHECK(run({"--output", output}, [](const ChapterArguments&) { throw std::bad_alloc(); }) == 1);
    CHECK(run({"--output", output}, [](const ChapterArguments&) {
              std::raise(SIGINT);
              throw_if_interrupted();
          }) == interrupted_status);
    CHECK(folder.empty());
}

TEST_CASE(
    "chapter program: it computes on the CPU, or where it is told to, or says why it cannot") {
    test::TemporaryFolder folder;
    const std::string output = (folder / "pictures").string(), why = why_no_cuda();
    if (!build::has_cuda) CHECK_THAT(why, test::has_text("built without CUDA"));
    if (!why.empty()) {
        const auto [status, words] = refused({"--output", output, "--device", "cuda"});
        CHECK(status == 1);
        CHECK(words == "00_test: " + why + "\n");
    }
    const auto [status, words] = refused({"--output", output, "--device", "tpu"});
    CHECK(status == 2);
    CHECK_THAT(words, test::has_text("00_test: --device: tpu"));
    CHECK(folder.empty());

    std::vector<Device> devices;
    const Body remember = [&](const ChapterArguments& given) { devices.push_back(given.device); };
    CHECK(run({"--output", output}, remember) == 0);
    if (why.empty()) CHECK(run({"--output", output, "--device", "cuda"}, remember) == 0);
    CHECK(devices.front() == Device::cpu);
    CHECK(devices.back() == (why.empty() ? Device::cuda : Device::cpu));
}
