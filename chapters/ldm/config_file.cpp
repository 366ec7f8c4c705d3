#include "chapters/ldm/config_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/ldm/option_groups.h"
#include "common/error.h"
#include "common/io/json.h"
#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"

namespace ldm::program {
namespace {

/// Reads one file for one command.
class Reader {
public:
    Reader(const std::string& path, const CLI::App& command)
        : file_(text::printable(path)), command_(command) {
        const CLI::App* program = command.get_parent();
        const auto takes_files = [](const CLI::App* app) {
            return app->get_option_no_throw("--config") != nullptr;
        };
        commands_ = program ? program->get_subcommands(takes_files) : std::vector{&command};
    }

    Settings read(const io::Json& json) {
        if (!json.is_object())
            throw Error(fmt::format("{}: options stand in an object, {{\"steps\": 30}}", file_));
        Settings own;
        for (const auto& [name, value] : json.items()) {
            const auto section = std::ranges::find(commands_, name, &CLI::App::get_name);
            if (section == commands_.end())
                read(commands_, name, value, result_);
            else
                read_section(**section, value, own);
        }
        for (auto& [name, values] : own) result_[name] = std::move(values);
        return std::move(result_);
    }

private:
    void read_section(const CLI::App& section, const io::Json& json, Settings& own) {
        if (!json.is_object())
            throw Error(fmt::format("{}: \"{}\" is an object with the options of that command",
                                    file_, section.get_name()));
        Settings others;
        for (const auto& [name, value] : json.items())
            read({&section}, name, value, &section == &command_ ? own : others);
    }

    /// What one of the commands has an option for; it counts if this one has.
    void read(const std::vector<const CLI::App*>& commands, const std::string& name,
              const io::Json& value, Settings& settings) {
        const CLI::Option* option = nullptr;
        for (const CLI::App* command : commands)
            if (const CLI::Option* found = command->get_option_no_throw("--" + name))
                if (!option || command == &command_) option = found;
        if (!option || !option->get_configurable())
            throw Error(fmt::format("{}: there is no option \"{}\"{}", file_, text::printable(name),
                                    nn::nearest_names(name, names_of(commands))));
        const std::vector<std::string> values = values_of(*option, name, value);
        if (command_.get_option_no_throw("--" + name)) settings[name] = values;
    }

    static std::vector<std::string> names_of(const std::vector<const CLI::App*>& commands) {
        std::vector<std::string> names;
        for (const CLI::App* command : commands)
            for (const CLI::Option* option : command->get_options())
                if (option->get_configurable() && !option->get_lnames().empty())
                    names.push_back(option->get_lnames().front());
        std::ranges::sort(names);
        names.erase(std::unique(names.begin(), names.end()), names.end());
        return names;
    }

    std::vector<std::string> values_of(const CLI::Option& option, const std::string& name,
                                       const io::Json& value) const {
        const bool repeats = option.get_expected_max() > 1;
        if (!value.is_array()) return {text_of(name, value)};
        if (!repeats) throw Error(fmt::format("{}: \"{}\" takes one value", file_, name));
        std::vector<std::string> values;
        for (const io::Json& one : value) values.push_back(text_of(name, one));
        if (values.empty()) throw Error(fmt::format("{}: \"{}\" is empty", file_, name));
        return values;
    }

    /// As it would stand on a command line.
    std::string text_of(const std::string& name, const io::Json& value) const {
        if (value.is_string()) return value.get<std::string>();
        if (value.is_number() || value.is_boolean()) return value.dump();
        throw Error(fmt::format("{}: \"{}\" is a text, a number, true or false", file_, name));
    }

    std::string file_;
    const CLI::App& command_;
    // all that have a --config
    std::vector<const CLI::App*> commands_;
    Settings result_;
};

}  // namespace

Settings settings_of_file(const std::string& path, const CLI::App& command) {
    return Reader(path, command).read(io::read_json(path));
}

void add_config_option(CLI::App& command) {
    command.option_defaults()->group(files_group);
    const auto take = [&command](const std::string& path) {
        fill(command, settings_of_file(path, command), text::printable(path));
    };
    command
        .add_option_function<std::string>(
            "--config", take,
            "Options in a JSON file, {\"steps\": 30, \"img2img\": {\"strength\": 0.6}};\n"
            "those that are given, or are those of --from, count more")
        ->configurable(false)
        ->type_name("FILE");
    command.get_help_ptr()->configurable(false);
}

}  // namespace ldm::program
