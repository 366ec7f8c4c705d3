#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace ldm::program {

/// How --help tells of options, in 96 columns.
[[nodiscard]] std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace ldm::program
