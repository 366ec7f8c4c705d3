#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "chapters/ldm/settings.h"

/// --config FILE: options in a JSON file by their long names, those of one command within an object
/// of its name:
///
///     {"model": "v1-5.safetensors", "steps": 30, "img2img": {"strength": 0.6}}

namespace ldm::program {

/// What such a file says to `command`: its own object before what stands outside. Throws an Error
/// for a file that is no JSON, a name that no command with a --config has, with the nearest that
/// there is, and for a value that is no text, number or truth, or a list of them where an option
/// may be repeated.
[[nodiscard]] Settings settings_of_file(const std::string& path, const CLI::App& command);

/// Adds --config, which gives a command what nothing else gives it.
void add_config_option(CLI::App& command);

}  // namespace ldm::program
