#pragma once

#include <string>
#include <vector>

#include "chapters/ldm/command_tree.h"

namespace ldm::program {

/// Scripts that tell a shell what may follow on a command line: commands, options, the values of
/// those that can be listed, files and folders.

[[nodiscard]] std::string bash_completion(const std::vector<CommandDescription>& commands);
[[nodiscard]] std::string zsh_completion(const std::vector<CommandDescription>& commands);
[[nodiscard]] std::string fish_completion(const std::vector<CommandDescription>& commands);

}  // namespace ldm::program
