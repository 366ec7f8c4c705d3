#include "chapters/ldm/option_description.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>
#include <string_view>

namespace ldm::program {
namespace {

/// What CLI11 says of an option's values, "INT:INT in [1 - 1000]" or "TEXT:{cpu,cuda}".
struct Values {
    std::string type, range;
    std::vector<std::string> choices;
};

Values values_of(const CLI::Option& option) {
    Values values;
    const std::string all = option.get_type_name();
    const std::size_t colon = all.find(':');
    values.type = all.substr(0, colon);
    if (values.type == "INT" || values.type == "UINT" || values.type == "FLOAT") values.type = "N";
    const std::string checks = colon == all.npos ? "" : all.substr(colon + 1);
    if (checks.starts_with('{'))
        values.choices = CLI::detail::split(checks.substr(1, checks.size() - 2), ',');
    const std::size_t low = checks.find(" in ["), middle = checks.find(" - ");
    if (low != checks.npos && middle != checks.npos)
        values.range = fmt::format("{} to {}", checks.substr(low + 5, middle - low - 5),
                                   checks.substr(middle + 3, checks.size() - middle - 4));
    return values;
}

void add_names(std::vector<std::string>& notes, const char* before,
               const std::set<CLI::Option*>& options) {
    std::vector<std::string> names;
    for (const CLI::Option* other : options) names.push_back(other->get_name());
    std::ranges::sort(names);
    if (!names.empty()) notes.push_back(fmt::format("{} {}", before, fmt::join(names, ", ")));
}

/// In brackets at the end, or within those that say the default already.
void add_notes(std::string& text, const std::string& notes) {
    if (notes.empty()) return;
    const std::size_t bracket = text.rfind('(');
    if (text.ends_with(')') && text.compare(bracket, 9, "(default:") == 0) {
        text.pop_back();
        text += "; " + notes + ")";
    } else {
        text += " (" + notes + ")";
    }
}

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

OptionDescription describe(const CLI::Option& option) {
    OptionDescription result;
    for (const std::string& name : option.get_snames()) result.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) result.names.push_back("--" + name);
    if (result.names.empty()) result.names.push_back(option.get_name(true));
    std::vector<std::string> notes;
    if (option.get_type_size_max() != 0) {
        const Values values = values_of(option);
        // a few choices say more than a name for them
        const bool few = !values.choices.empty() && values.choices.size() <= 3;
        result.value = few ? fmt::format("{}", fmt::join(values.choices, "|")) : values.type;
        result.choices = values.choices;
        if (!values.range.empty()) notes.push_back(values.range);
        if (!option.get_default_str().empty())
            notes.push_back("default: " + option.get_default_str());
        if (option.get_required()) notes.emplace_back("required");
        if (option.get_expected_max() == CLI::detail::expected_max_vector_size)
            notes.emplace_back("may be repeated");
    }
    add_names(notes, "with", option.get_needs());
    add_names(notes, "not with", option.get_excludes());
    std::istringstream lines(option.get_description());
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("  "))
            result.items.push_back(line.substr(2));
        else
            result.text += (result.text.empty() ? "" : " ") + line;
    }
    add_notes(result.text, fmt::format("{}", fmt::join(notes, "; ")));
    return result;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
    std::vector<std::string> lines(1);
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        std::string& line = lines.back();
        if (!line.empty() && characters_in(line) + 1 + characters_in(word) > width)
            lines.push_back(word);
        else
            line += (line.empty() ? "" : " ") + word;
    }
    return lines;
}

}  // namespace ldm::program
