#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "chapters/ldm/option_description.h"

namespace ldm::program {

/// The program or one of its commands, as documents tell of it.
struct CommandDescription {
    /// "ldm", "ldm train clip"
    std::string path;
    std::string text;
    struct Group {
        std::string name;
        std::vector<OptionDescription> options;
    };
    /// in the order of the help
    std::vector<Group> groups;
    /// arguments without a name
    std::vector<OptionDescription> arguments;
    struct Command {
        std::string name, text;
    };
    std::vector<Command> commands;

    [[nodiscard]] std::vector<OptionDescription> options() const;
};

/// The program and all its commands, each before those within it.
[[nodiscard]] std::vector<CommandDescription> describe_commands(const CLI::App& program);

}  // namespace ldm::program
