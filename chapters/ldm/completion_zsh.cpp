#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "chapters/ldm/completion.h"

namespace ldm::program {
namespace {

constexpr std::size_t longest_text = 76;

/// A text within single quotes, where brackets and colons mean something to _arguments.
std::string quoted(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '\'')
            result += "'\\''";
        else if (c == '[' || c == ']' || c == ':' || c == '\\')
            result += std::string("\\") + c;
        else
            result += c;
    }
    return result;
}

std::string short_text(const OptionDescription& option) {
    const auto lines = wrapped(option.text, longest_text);
    return quoted(lines.front() + (lines.size() > 1 ? " …" : ""));
}

/// "_ldm_train_clip" for "ldm train clip".
std::string function_of(std::string path) {
    std::ranges::replace(path, ' ', '_');
    return "_" + path;
}

std::string values_of(const OptionDescription& option) {
    if (!option.choices.empty()) return fmt::format("({})", fmt::join(option.choices, " "));
    return option.takes_file() ? "_files" : option.takes_folder() ? "_files -/" : " ";
}

std::string describe_option(const OptionDescription& option) {
    std::string specs;
    for (const std::string& name : option.names) {
        const bool is_long = name.starts_with("--");
        const char* sign = option.is_flag() ? "" : is_long ? "=" : "+";
        const std::string value =
            option.is_flag() ? "" : fmt::format(":{}:{}", quoted(option.value), values_of(option));
        specs += fmt::format(" \\\n        '*{}{}[{}]{}'", name, sign, short_text(option), value);
    }
    return specs;
}

std::string describe_command(const CommandDescription& command) {
    std::string body;
    if (!command.commands.empty()) {
        std::string names, calls;
        for (const auto& [name, text] : command.commands) {
            names += fmt::format("\n            '{}:{}'", name, quoted(text));
            calls += fmt::format("        {}) shift words; (( CURRENT-- )); {} ;;\n", name,
                                 function_of(command.path + " " + name));
        }
        body = fmt::format(
            "    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
            "        local -a commands=({})\n"
            "        _describe command commands\n        return\n    fi\n"
            "    case $words[2] in\n{}    esac\n",
            names, calls);
        body += "    [[ $words[2] != -* ]] && return\n";
    }
    body += "    _arguments -s";
    for (const OptionDescription& option : command.options()) body += describe_option(option);
    for (const OptionDescription& argument : command.arguments)
        body += fmt::format(" \\\n        '*:{}:{}'", quoted(argument.names.front()),
                            values_of(argument));
    return fmt::format("{}() {{\n{}\n}}\n", function_of(command.path), body);
}

}  // namespace

std::string zsh_completion(const std::vector<CommandDescription>& commands) {
    std::string script =
        "#compdef ldm\n# Completion of ldm for zsh, as `ldm completion zsh` writes it.\n";
    for (const CommandDescription& command : commands) script += describe_command(command);
    return script + "if [[ $funcstack[1] == _ldm ]]; then _ldm \"$@\"; else compdef _ldm ldm; fi\n";
}

}  // namespace ldm::program
