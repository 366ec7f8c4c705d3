#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chapters/ldm/completion.h"

namespace ldm::program {
namespace {

constexpr std::size_t longest_text = 76;

std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + "'";
}

std::string short_text(const std::string& text) {
    const auto lines = wrapped(text, longest_text);
    return quoted(lines.front() + (lines.size() > 1 ? " …" : ""));
}

/// Whether the command line is one of this command so far.
std::string condition_of(const CommandDescription& command) {
    std::string condition;
    const auto words = CLI::detail::split(command.path, ' ');
    for (std::size_t i = 1; i < words.size(); ++i)
        condition += (i > 1 ? "; and " : "") + ("__fish_seen_subcommand_from " + words[i]);
    return condition;
}

/// Whether it names none of the commands within this one yet.
std::string without_commands(const CommandDescription& command) {
    std::string condition = condition_of(command);
    condition +=
        (condition.empty() ? "" : "; and ") + std::string("not __fish_seen_subcommand_from");
    for (const auto& [name, text] : command.commands) condition += " " + name;
    return condition;
}

std::string values_of(const OptionDescription& option) {
    if (!option.choices.empty())
        return fmt::format(" -x -a {}", quoted(fmt::format("{}", fmt::join(option.choices, " "))));
    if (option.is_flag()) return "";
    return option.takes_file()     ? " -r -F"
           : option.takes_folder() ? " -x -a '(__fish_complete_directories)'"
                                   : " -x";
}

std::string names_of(const OptionDescription& option) {
    std::string names;
    for (const std::string& name : option.names)
        names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    return names;
}

}  // namespace

std::string fish_completion(const std::vector<CommandDescription>& commands) {
    std::string script =
        "# Completion of ldm for fish, as `ldm completion fish` writes it.\ncomplete -c ldm -f\n";
    for (const CommandDescription& command : commands) {
        for (const auto& [name, text] : command.commands)
            script += fmt::format("complete -c ldm -n {} -a {} -d {}\n",
                                  quoted(without_commands(command)), name, short_text(text));
        const std::string condition =
            command.commands.empty() ? condition_of(command) : without_commands(command);
        const std::string start = fmt::format("complete -c ldm -n {}", quoted(condition));
        for (const OptionDescription& option : command.options())
            script += fmt::format("{}{}{} -d {}\n", start, names_of(option), values_of(option),
                                  short_text(option.text));
        for (const OptionDescription& argument : command.arguments)
            script +=
                fmt::format("{}{}\n", start, argument.takes_file() ? " -F" : values_of(argument));
    }
    return script;
}

}  // namespace ldm::program
