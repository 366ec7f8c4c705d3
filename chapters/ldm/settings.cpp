#include "chapters/ldm/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace ldm::program {
namespace {

bool is_given(const CLI::Option* option) { return option->count() > 0; }

bool is_flag(const CLI::Option& option) { return option.get_expected_max() == 0; }

/// Whether what was said leaves room for the option.
bool has_room(const CLI::Option& option) {
    return option.count() == 0 && std::ranges::none_of(option.get_excludes(), is_given);
}

}  // namespace

Settings settings_of(const CLI::App& command) {
    Settings settings;
    for (const CLI::Option* option : command.get_options())
        if (option->count() > 0 && !option->get_lnames().empty())
            settings[option->get_lnames().front()] = option->results();
    return settings;
}

CLI::Option* find_option(CLI::App& command, const std::string& name) {
    return command.get_option_no_throw("--" + name);
}

void parse(CLI::App& command, const Settings& settings) {
    std::vector<std::string> words;
    for (const auto& [name, values] : settings) {
        const CLI::Option* option = find_option(command, name);
        for (const std::string& value : values) {
            // CLI11 takes a flag's value behind = only, and there no value that is empty
            if (option && is_flag(*option)) {
                words.push_back(fmt::format("--{}={}", name, value));
                continue;
            }
            words.push_back("--" + name);
            words.push_back(value);
        }
    }
    // it takes them from the end
    std::ranges::reverse(words);
    command.parse(std::move(words));
}

void fill(CLI::App& command, const Settings& settings, const std::string& source) {
    std::vector<CLI::Option*> wanted;
    for (const auto& [name, values] : settings) {
        CLI::Option* option = find_option(command, name);
        if (!option) throw Error(fmt::format("{}: there is no option --{}", source, name));
        if (has_room(*option)) wanted.push_back(option);
    }
    // what needs another option goes where that goes, which may need one itself
    const auto lacks_something = [&](const CLI::Option* option) {
        return std::ranges::any_of(option->get_needs(), [&](CLI::Option* needed) {
            return !is_given(needed) && std::ranges::find(wanted, needed) == wanted.end();
        });
    };
    while (std::erase_if(wanted, lacks_something) > 0) {
    }
    try {
        for (CLI::Option* option : wanted) {
            for (const std::string& value : settings.at(option->get_lnames().front()))
                option->add_result(value);
            option->run_callback();
        }
    } catch (const CLI::Error& error) {
        throw Error(fmt::format("{}: {}", source, error.what()));
    }
}

}  // namespace ldm::program
