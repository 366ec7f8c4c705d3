#include "chapters/ldm/manual_page.h"

#include <fmt/format.h>

#include "chapters/ldm/command_tree.h"

namespace ldm::program {
namespace {

/// Text as roff shows it: its own signs escaped.
std::string escaped(const std::string& text) {
    std::string roff;
    for (const char c : text) {
        if (c == '\\')
            roff += "\\e";
        else if (c == '-')
            roff += "\\-";
        else if (c == '\n')
            roff += ' ';
        else
            roff += c;
    }
    // a line that begins with these is an instruction
    return roff.starts_with('.') || roff.starts_with('\'') ? "\\&" + roff : roff;
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string describe_option(const OptionDescription& option) {
    std::string names;
    for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + bold(name);
    const bool has_value = !option.is_flag() && option.names.front().starts_with('-');
    std::string roff =
        fmt::format(".TP\n{}{}\n{}\n", names, has_value ? " " + italic(option.value) : "",
                    escaped(option.text));
    for (const std::string& item : option.items) roff += ".br\n" + escaped(item) + "\n";
    return roff;
}

std::string describe_command(const CommandDescription& command) {
    std::string roff = fmt::format(".SH {}\n{}\n", escaped(command.path), escaped(command.text));
    for (const auto& [name, text] : command.commands)
        roff += fmt::format(".TP\n{}\n{}\n", bold(command.path + " " + name), escaped(text));
    for (const OptionDescription& argument : command.arguments) roff += describe_option(argument);
    for (const auto& [name, options] : command.groups) {
        roff += fmt::format(".SS {}\n", escaped(name));
        for (const OptionDescription& option : options) roff += describe_option(option);
    }
    return roff;
}

}  // namespace

std::string manual_page(const CLI::App& program, const std::string& version) {
    const std::vector<CommandDescription> commands = describe_commands(program);
    const std::string name = commands.front().path;
    std::string roff = fmt::format(
        ".TH LDM 1 \"\" \"ldm {}\" \"User Commands\"\n"
        ".SH NAME\n{} \\- {}\n"
        ".SH SYNOPSIS\n{} {} [{}]\n"
        ".SH DESCRIPTION\n"
        "Draws and changes pictures with Stable Diffusion 1.x and 2.x and trains models of that\n"
        "kind. The commands come first, then each of them with its options.\n",
        version, escaped(name), escaped(commands.front().text), bold(name), italic("COMMAND"),
        italic("OPTIONS"));
    for (const CommandDescription& command : commands) roff += describe_command(command);
    roff +=
        ".SH EXIT STATUS\n"
        "0: all was done. 1: something went wrong, and one sentence says what. 2: the command "
        "line\n"
        "cannot be understood. 130: stopped by Ctrl\\-C.\n"
        ".SH ENVIRONMENT\n.TP\n.B LDM_DATA\nThe folder with the model that ships with the "
        "program,\n"
        "if it is not where it was installed.\n";
    return roff;
}

}  // namespace ldm::program
