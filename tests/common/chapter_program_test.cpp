#include "common/report/chapter_program.h"

#include <csignal>
#include <filesystem>
#include <vector>

#include "common/error.h"
#include "common/image/png.h"
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
