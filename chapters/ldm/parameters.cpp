#include "chapters/ldm/parameters.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"

namespace ldm::program {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Letters of any language, as far as bytes tell.
bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// How long the key before a colon is at the beginning of `text`; 0: there is none.
std::size_t key_length(std::string_view text) {
    if (text.empty() || !is_word(text.front())) return 0;
    std::size_t end = 1;
    while (end < text.size() &&
           (is_word(text[end]) || text[end] == ' ' || text[end] == '-' || text[end] == '/'))
        ++end;
    return end < text.size() && text[end] == ':' ? end : 0;
}

/// How long the string in quotation marks at the beginning of `text` is; 0: there is none.
std::size_t quoted_length(std::string_view text) {
    if (!text.starts_with('"')) return 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            return i + 1;
    }
    return 0;
}

std::string unquoted(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    return json.is_string() ? json.get<std::string>() : std::string(text);
}

std::vector<std::pair<std::string, std::string>> settings_in(std::string_view line) {
    std::vector<std::pair<std::string, std::string>> settings;
    while (!(line = trimmed(line)).empty()) {
        const std::size_t key = key_length(line);
        std::string_view value = key ? trimmed(line.substr(key + 1)) : line;
        const std::size_t quoted = key ? quoted_length(value) : 0;
        const std::size_t end = std::min(value.find(',', quoted), value.size());
        if (key)
            settings.emplace_back(line.substr(0, key),
                                  quoted ? unquoted(value.substr(0, quoted))
                                         : std::string(trimmed(value.substr(0, end))));
        line = value.substr(std::min(end + 1, value.size()));
    }
    return settings;
}

/// The text without its last line that says something, which is taken out into `last`.
std::string_view without_last_line(std::string_view text, std::string_view& last) {
    const std::size_t end = text.find_last_not_of(" \t\r\n");
    text = text.substr(0, end == text.npos ? 0 : end + 1);
    const std::size_t start = text.find_last_of('\n');
    last = start == text.npos ? text : text.substr(start + 1);
    return text.substr(0, start == text.npos ? 0 : start);
}

}  // namespace

std::string Parameters::value(std::string_view key) const {
    for (const auto& [name, value] : settings)
        if (name == key) return value;
    return {};
}

Parameters parse_parameters(std::string_view text) {
    Parameters parameters;
    std::string_view line;
    std::string_view prompts = without_last_line(text, line);
    parameters.settings = settings_in(line);
    if (parameters.settings.size() < 3)
        throw Error("there are no settings in its text (\"Steps: 20, Sampler: Euler a, …\")");
    std::string* target = &parameters.prompt;
    bool begins = true;
    for (bool more = true; more;) {
        const std::size_t end = prompts.find('\n');
        more = end != prompts.npos;
        line = prompts.substr(0, end);
        prompts.remove_prefix(more ? end + 1 : prompts.size());
        while (line.ends_with('\r')) line.remove_suffix(1);
        constexpr std::string_view negative = "Negative prompt:";
        if (target == &parameters.prompt && line.starts_with(negative)) {
            target = &parameters.negative_prompt;
            line.remove_prefix(negative.size());
            if (line.starts_with(' ')) line.remove_prefix(1);
            begins = true;
        }
        if (!begins) *target += '\n';
        *target += line;
        begins = false;
    }
    return parameters;
}

}  // namespace ldm::program
