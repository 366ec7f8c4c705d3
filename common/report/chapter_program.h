#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/device/device.h"
#include "common/figures/canvas.h"
#include "common/image/image.h"

namespace CLI {
class App;
}

namespace ldm::report {

/// What every chapter's program is told on its command line.
struct ChapterArguments {
    /// made when it is not there
    std::filesystem::path output = "pictures";
    /// by default the model that ships with the project
    std::filesystem::path model;
    std::uint64_t seed = 0;
    /// where the networks compute; it can be used
    Device device = Device::cpu;

    /// "png" or "svg": what figures are written as
    std::string figure_format = "png";

    /// Writes `<output>/<name>` and tells the reader where it is: a picture as PNG, a figure in the
    /// format that was asked for, whose extension takes the place of the name's.
    void save(const std::string& name, const image::Image& picture) const;
    void save(const std::string& name, const figures::Canvas& figure) const;
};

/// The frame of a chapter's main(): command line, help, threads, one line for an error, Ctrl-C.
///
///     int main(int argc, char** argv) {
///         return report::ChapterProgram("05_resblock", "What a ResBlock does to a picture.")
///             .run(argc, argv, [](const report::ChapterArguments& arguments) {
///                 ...
///                 arguments.save("05_resblock.png", picture);
///             });
///     }
class ChapterProgram {
public:
    ChapterProgram(std::string name, std::string description);

    /// An option of this chapter alone: `--steps`, where its value goes, a line of help.
    ChapterProgram& option(std::string name, int& value, std::string help);
    ChapterProgram& option(std::string name, float& value, std::string help);
    ChapterProgram& option(std::string name, std::string& value, std::string help);

    /// Runs `body` and returns the status for main(): 0, 1 after an error, 2 for a wrong command
    /// line, 130 after Ctrl-C.
    int run(int argc, char** argv, const std::function<void(const ChapterArguments&)>& body);

private:
    std::string name_, description_;
    std::vector<std::function<void(CLI::App&)>> options_;
};

/// Runs `body` for main(): whatever it throws becomes one line on stderr, "<name>: <what>", and a
/// status of 1, or 130 after Ctrl-C.
int run_guarded(const std::string& name, const std::function<int()>& body);

}  // namespace ldm::report
