#include "chapters/ldm/help_formatter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

#include "chapters/ldm/option_description.h"

namespace ldm::program {
namespace {

constexpr std::size_t columns = 96, indent = 30;

class HelpFormatter : public CLI::Formatter {
public:
    std::string make_option(const CLI::Option* option, bool) const override {
        const OptionDescription described = describe(*option);
        const bool only_long = described.names.front().starts_with("--");
        std::string head =
            fmt::format("  {}{}", only_long ? "    " : "", fmt::join(described.names, ", "));
        if (option->nonpositional() && !described.is_flag()) head += " " + described.value;
        std::string help;
        const auto add_line = [&](const std::string& line) {
            if (head.size() < indent)
                help += fmt::format("{:{}}{}\n", head, indent, line);
            else
                help += fmt::format("{}\n{:{}}{}\n", head, "", indent, line);
            head.clear();
        };
        for (const std::string& line : wrapped(described.text, columns - indent)) add_line(line);
        for (const std::string& item : described.items) {
            std::string before = "  ";
            for (const std::string& line : wrapped(item, columns - indent - 4)) {
                add_line(before + line);
                before = "    ";
            }
        }
        return help;
    }

    // one empty line between its parts
    std::string make_usage(const CLI::App* app, std::string name) const override {
        return CLI::Formatter::make_usage(app, std::move(name)) + "\n";
    }

    std::string make_positionals(const CLI::App* app) const override {
        const std::string help = CLI::Formatter::make_positionals(app);
        return help.empty() ? help : help + "\n";
    }

    std::string make_group(std::string group, bool is_positional,
                           std::vector<const CLI::Option*> options) const override {
        return CLI::Formatter::make_group(std::move(group), is_positional, std::move(options))
            .substr(1);
    }

    std::string make_subcommand(const CLI::App* command) const override {
        std::string help;
        std::string head = "  " + command->get_name();
        for (const std::string& line : wrapped(command->get_description(), columns - 16)) {
            help += fmt::format("{:16}{}\n", head, line);
            head.clear();
        }
        return help;
    }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace ldm::program
