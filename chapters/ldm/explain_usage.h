#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ldm::program {

/// What is wrong with a command line, for one that CLI11 refused: its own words or, for arguments
/// that belong to nothing, those in their order and the option or command that was probably meant.
std::string explain_usage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace ldm::program
