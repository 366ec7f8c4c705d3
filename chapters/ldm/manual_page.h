#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ldm::program {

/// The program's manual page, ldm(1), in the man macros of roff.
[[nodiscard]] std::string manual_page(const CLI::App& program, const std::string& version);

}  // namespace ldm::program
