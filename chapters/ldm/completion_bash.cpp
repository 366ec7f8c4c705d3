#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "chapters/ldm/completion.h"

namespace ldm::program {
namespace {

constexpr const char* script = R"(# Completion of ldm for bash, as `ldm completion bash` writes it.
_ldm() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local path=ldm word words='' kind=''
    COMPREPLY=()
    # bash takes --option=value apart
    if [[ $current == '=' ]]; then
        current=''
    elif [[ $previous == '=' ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$path $word" in
            {commands}) path+=" $word" ;;
            *) break ;;
        esac
    done
    case "$path $previous" in
{values}        *)
            case "$path" in
{words}            esac
            [[ $current != -* ]] || kind=''
            ;;
    esac
    if [[ $kind == file ]]; then
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    elif [[ $kind == folder ]]; then
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}}
complete -F _ldm ldm
)";

/// What sets `words` or `kind` for the value of an option.
std::string action_of(const OptionDescription& option) {
    if (!option.choices.empty()) return fmt::format("words='{}'", fmt::join(option.choices, " "));
    return option.takes_file() ? "kind='file'" : option.takes_folder() ? "kind='folder'" : "return";
}

/// One branch for all options with the same values.
std::string value_branches(const std::vector<CommandDescription>& commands) {
    std::map<std::string, std::vector<std::string>> patterns;
    for (const CommandDescription& command : commands)
        for (const OptionDescription& option : command.options())
            for (const std::string& name : option.names)
                if (!option.is_flag())
                    patterns[action_of(option)].push_back(
                        fmt::format("'{} {}'", command.path, name));
    std::string branches;
    for (const auto& [action, names] : patterns)
        branches += fmt::format("        {}) {} ;;\n", fmt::join(names, " | "), action);
    return branches;
}

std::string word_branches(const std::vector<CommandDescription>& commands) {
    std::string branches;
    for (const CommandDescription& command : commands) {
        std::vector<std::string> words;
        for (const auto& [name, text] : command.commands) words.push_back(name);
        bool files = false;
        for (const OptionDescription& argument : command.arguments) {
            words.insert(words.end(), argument.choices.begin(), argument.choices.end());
            files |= argument.takes_file();
        }
        for (const OptionDescription& option : command.options())
            words.push_back(option.names.back());
        branches += fmt::format("                '{}') words='{}'{} ;;\n", command.path,
                                fmt::join(words, " "), files ? " kind='file'" : "");
    }
    return branches;
}

}  // namespace

std::string bash_completion(const std::vector<CommandDescription>& commands) {
    std::vector<std::string> paths;
    for (const CommandDescription& command : commands)
        if (command.path.find(' ') != command.path.npos)
            paths.push_back(fmt::format("'{}'", command.path));
    return fmt::format(fmt::runtime(script), fmt::arg("commands", fmt::join(paths, " | ")),
                       fmt::arg("values", value_branches(commands)),
                       fmt::arg("words", word_branches(commands)));
}

}  // namespace ldm::program
