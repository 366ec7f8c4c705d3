#include "common/report/chapter_program.h"

#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>
#include <utility>

#include "common/error.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/io/data_path.h"
#include "common/io/utf8.h"
#include "common/report/interrupt.h"
#include "common/report/option_checks.h"
#include "common/report/standard_output.h"

namespace ldm::report {
namespace {

template <typename T>
std::function<void(CLI::App&)> adds_option(std::string name, T& value, std::string help) {
    return [name = std::move(name), &value, help = std::move(help)](CLI::App& app) {
        app.add_option(name, value, help)->capture_default_str();
    };
}

}  // namespace

void ChapterArguments::save(const std::string& name, const image::Image& picture) const {
    const auto path = output / name;
    image::save_png(path, picture);
    fmt::print("picture: {}\n", path.string());
}

void ChapterArguments::save(const std::string& name, const figures::Canvas& figure) const {
    const auto path = (output / name).replace_extension(figure_format);
    figure.save(path);
    fmt::print("figure: {}\n", path.string());
}

ChapterProgram::ChapterProgram(std::string name, std::string description)
    : name_(std::move(name)), description_(std::move(description)) {}

ChapterProgram& ChapterProgram::option(std::string name, int& value, std::string help) {
    options_.push_back(adds_option(std::move(name), value, std::move(help)));
    return *this;
}

ChapterProgram& ChapterProgram::option(std::string name, float& value, std::string help) {
    options_.push_back(adds_option(std::move(name), value, std::move(help)));
    return *this;
}

ChapterProgram& ChapterProgram::option(std::string name, std::string& value, std::string help) {
    options_.push_back(adds_option(std::move(name), value, std::move(help)));
    return *this;
}

int ChapterProgram::run(int argc, char** argv,
                        const std::function<void(const ChapterArguments&)>& body) {
    CLI::App app(description_, name_);
    ChapterArguments arguments;
    std::string device = name_of(arguments.device);
    int threads = omp_get_max_threads();
    app.add_option("--output", arguments.output, "folder for the pictures")->capture_default_str();
    app.add_option("--figures", arguments.figure_format, "file format of the figures")
        ->check(CLI::IsMember({"png", "svg"}))
        ->capture_default_str();
    app.add_option("--model", arguments.model,
                   "folder of a model [the one that ships with the project]");
    app.add_option("--seed", arguments.seed, "where the random numbers start")
        ->check(whole_number())
        ->capture_default_str();
    app.add_option("--device", device, "where to compute")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    app.add_option("--threads", threads, "processor cores to use")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    for (const auto& add : options_) add(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
        return finish_output(name_, app.exit(help));
    } catch (const CLI::ParseError& error) {
        fmt::print(stderr, "{}: {}\n", name_, text::printable_lines(error.what()));
        return 2;
    }
    return run_guarded(name_, [&] {
        omp_set_num_threads(threads);
        arguments.device = device_from(device);
        expect_usable(arguments.device);
        if (arguments.model.empty()) arguments.model = io::data_path("models/emoji");
        io::make_folder(arguments.output);
        body(arguments);
        return 0;
    });
}

int run_guarded(const std::string& name, const std::function<int()>& body) {
    const InterruptGuard guard;
    try {
        return finish_output(name, body());
    } catch (const Interrupted&) {
        fmt::print(stderr, "{}: interrupted\n", name);
        return interrupted_status;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "{}: not enough memory\n", name);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", name, text::printable_lines(error.what()));
    }
    return 1;
}

}  // namespace ldm::report
