#pragma once

#include <CLI/CLI.hpp>
#include <string>

/// The subcommands of the program `ldm`. Each adds itself to the command line; what it does when it
/// was chosen runs later and sets `status`, the exit status of the program.

namespace ldm::program {

void add_txt2img(CLI::App& app, int& status);
void add_img2img(CLI::App& app, int& status);
void add_inpaint(CLI::App& app, int& status);
void add_upscale(CLI::App& app, int& status);
void add_verify(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_train(CLI::App& app, int& status);
void add_index(CLI::App& app, int& status);
void add_search(CLI::App& app, int& status);
void add_completion(CLI::App& app, int& status);
void add_man(CLI::App& app, const std::string& version, int& status);

}  // namespace ldm::program
