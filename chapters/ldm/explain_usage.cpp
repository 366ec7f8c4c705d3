#include "chapters/ldm/explain_usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <vector>

#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"

namespace ldm::program {
namespace {

/// The command that was chosen, the innermost one: `ldm train clip`.
const CLI::App& chosen_command(const CLI::App& app) {
    const CLI::App* command = &app;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    return *command;
}

/// Everything that could stand where `argument` does.
std::vector<std::string> possible(const CLI::App& command, const std::string& argument) {
    std::vector<std::string> names;
    if (argument.starts_with("-")) {
        for (const CLI::Option* option : command.get_options())
            for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    } else {
        for (const CLI::App* sub : command.get_subcommands({})) names.push_back(sub->get_name());
    }
    return names;
}

/// "; did you mean --steps?", or nothing when nothing resembles it.
std::string nearest(const CLI::App& command, const std::string& argument) {
    const std::string name = argument.substr(0, argument.find('='));
    std::string best;
    int least = std::numeric_limits<int>::max();
    for (const std::string& candidate : possible(command, argument)) {
        // the beginning of a long name is as good as a typing error: --neg
        const bool begins = name.size() > 3 && candidate.starts_with(name);
        const int distance = begins ? 0 : nn::edit_distance(name, candidate);
        if (distance < least && distance <= std::max<int>(2, static_cast<int>(name.size()) / 3)) {
            least = distance;
            best = candidate;
        }
    }
    return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

}  // namespace

std::string explain_usage(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App& command = chosen_command(app);
    const std::vector<std::string> unknown = command.remaining();
    if (unknown.empty()) return error.what();
    const std::string& first = unknown.front();
    std::vector<std::string> shown;
    for (const std::string& argument : unknown) shown.push_back(text::printable(argument));
    std::string sentence =
        !first.starts_with("-") && &command == &app
            ? fmt::format("there is no command '{}'", shown.front())
            : fmt::format("{} not expected: {}",
                          unknown.size() == 1 ? "this argument was" : "these arguments were",
                          fmt::join(shown, " "));
    return sentence + nearest(command, first);
}

}  // namespace ldm::program
