#include <fmt/format.h>

#include <memory>

#include "chapters/ldm/command_tree.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/completion.h"
#include "chapters/ldm/manual_page.h"

namespace ldm::program {

void add_completion(CLI::App& app, int& status) {
    auto shell = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand(
        "completion", "Print a script that completes the commands of ldm in a shell");
    command->add_option("SHELL", *shell, "bash: source <(ldm completion bash)")
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->required();
    command->callback([&app, shell, &status] {
        const auto commands = describe_commands(app);
        fmt::print("{}", *shell == "bash"  ? bash_completion(commands)
                         : *shell == "zsh" ? zsh_completion(commands)
                                           : fish_completion(commands));
        status = 0;
    });
}

void add_man(CLI::App& app, const std::string& version, int& status) {
    CLI::App* command =
        app.add_subcommand("man", "Print the manual page: ldm man | man --local-file -");
    command->callback([&app, version, &status] {
        fmt::print("{}", manual_page(app, version));
        status = 0;
    });
}

}  // namespace ldm::program
