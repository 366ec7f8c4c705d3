#include "chapters/ldm/command_tree.h"

namespace ldm::program {
namespace {

void describe_into(std::vector<CommandDescription>& all, const CLI::App& app,
                   const std::string& path) {
    CommandDescription command{.path = path, .text = app.get_description()};
    for (const std::string& group : app.get_groups()) {
        CommandDescription::Group described{group, {}};
        for (const CLI::Option* option : app.get_options())
            if (option->get_group() == group && option->nonpositional())
                described.options.push_back(describe(*option));
        if (!described.options.empty()) command.groups.push_back(std::move(described));
    }
    for (const CLI::Option* option : app.get_options())
        if (option->get_positional()) command.arguments.push_back(describe(*option));
    const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* sub : commands)
        command.commands.push_back({sub->get_name(), sub->get_description()});
    all.push_back(std::move(command));
    for (const CLI::App* sub : commands) describe_into(all, *sub, path + " " + sub->get_name());
}

}  // namespace

std::vector<OptionDescription> CommandDescription::options() const {
    std::vector<OptionDescription> all;
    for (const Group& group : groups)
        all.insert(all.end(), group.options.begin(), group.options.end());
    return all;
}

std::vector<CommandDescription> describe_commands(const CLI::App& program) {
    std::vector<CommandDescription> all;
    describe_into(all, program, program.get_name());
    return all;
}

}  // namespace ldm::program
