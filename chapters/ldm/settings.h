#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace ldm::program {

/// Values of options by their long names: {"steps": {"20"}, "lora": {"a", "b"}, "overwrite":
/// {"true"}}. Whatever says how to draw - the command line, a --config file, a picture, a line of
/// --prompt-file, a cell of --grid - becomes one of these, and one parser, that of the command
/// line, makes options of it.
using Settings = std::map<std::string, std::vector<std::string>>;

/// What a command line said that was parsed.
[[nodiscard]] Settings settings_of(const CLI::App& command);

/// The option of that long name, or none.
[[nodiscard]] CLI::Option* find_option(CLI::App& command, const std::string& name);

/// Parses them as a command line. Throws CLI11's errors.
void parse(CLI::App& command, const Settings& settings);

/// While a command line is being parsed, from the function of one of its options: takes the
/// settings that nothing has said yet, and none that excludes what was said or lacks what it
/// needs. Throws an Error that begins with `source` for names and values that the command does not
/// take.
void fill(CLI::App& command, const Settings& settings, const std::string& source);

}  // namespace ldm::program
