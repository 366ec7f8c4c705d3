#include "chapters/ldm/prompt_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "chapters/ldm/explain_usage.h"
#include "chapters/ldm/option_groups.h"
#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::program {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool names_option(const std::string& word) {
    return word.size() > 2 && word.starts_with("--") &&
           std::isalpha(static_cast<unsigned char>(word[2]));
}

/// --negative_prompt as --negative-prompt.
std::string with_dashes(std::string word) {
    std::replace(word.begin(), std::ranges::find(word, '='), '_', '-');
    return word;
}

/// One word after each option: those of a text become one.
std::vector<std::string> joined(const std::vector<std::string>& words) {
    std::vector<std::string> arguments;
    std::size_t i = 0;
    while (i < words.size()) {
        const bool option = names_option(words[i]);
        const std::string word = option ? with_dashes(words[i]) : words[i];
        arguments.push_back(word);
        ++i;
        const bool text = word == "--prompt" || word == "--negative-prompt";
        if (!text || i == words.size()) continue;
        std::string value = words[i++];
        while (i < words.size() && !names_option(words[i])) value += " " + words[i++];
        arguments.push_back(value);
    }
    return arguments;
}

}  // namespace

bool has_options(const std::string& line) {
    const std::size_t first = line.find_first_not_of(" \t");
    return first != line.npos && names_option(line.substr(first, 3));
}

std::vector<std::string> split_words(const std::string& line) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < line.size();) {
        if (is_blank(line[i])) {
            ++i;
            continue;
        }
        std::string word;
        char quote = 0;
        for (; i < line.size() && (quote || !is_blank(line[i])); ++i) {
            const char c = line[i];
            const bool escapes =
                c == '\\' && i + 1 < line.size() &&
                (quote == 0 || (quote == '"' && (line[i + 1] == '"' || line[i + 1] == '\\')));
            if (escapes)
                word += line[++i];
            else if (quote ? c == quote : c == '"' || c == '\'')
                quote = quote ? 0 : c;
            else
                word += c;
        }
        if (quote) throw Error(fmt::format("a quotation mark {} is never closed", quote));
        words.push_back(std::move(word));
    }
    return words;
}

void leave_options_of_pictures(CLI::App& command) {
    for (CLI::Option* option : command.get_options())
        if (!is_of_picture(*option)) command.remove_option(option);
}

Settings settings_of_line(const std::string& line, const MakeDrawingCommand& make,
                          const std::string& where) {
    const auto command = make();
    CLI::App whole, app;
    command->add_options(whole);
    command->add_options(app);
    leave_options_of_pictures(app);
    try {
        std::vector<std::string> words = joined(split_words(line));
        std::ranges::reverse(words);
        app.parse(std::move(words));
        return settings_of(app);
    } catch (const CLI::ParseError& error) {
        const std::vector<std::string> unknown = app.remaining();
        if (!unknown.empty() && names_option(unknown.front())) {
            const std::string name = unknown.front().substr(0, unknown.front().find('='));
            if (whole.get_option_no_throw(name))
                throw Error(fmt::format("{}: {} is for the whole run: give it on the command line",
                                        where, name));
        }
        throw Error(fmt::format("{}: {}", where, explain_usage(app, error)));
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", where, error.what()));
    }
}

}  // namespace ldm::program
