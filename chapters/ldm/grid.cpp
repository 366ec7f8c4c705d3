#include "chapters/ldm/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "chapters/ldm/option_groups.h"
#include "common/error.h"
#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"

namespace ldm::program {
namespace {

constexpr std::string_view blanks = " \t\n";

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Where the next "x=" or "y=" begins a word, from `from` on.
std::size_t next_axis(const std::string& text, std::size_t from) {
    for (std::size_t i = from; i + 1 < text.size(); ++i)
        if ((text[i] == 'x' || text[i] == 'y') && text[i + 1] == '=' &&
            (i == 0 || blanks.find(text[i - 1]) != blanks.npos))
            return i;
    return text.size();
}

/// The values between commas; a quotation mark within quotation marks is written twice.
std::vector<std::string> values_in(const std::string& text) {
    std::vector<std::string> values;
    std::string value;
    bool quoted = false, was_quoted = false;
    const auto end_value = [&] {
        values.push_back(was_quoted ? value : trimmed(value));
        value.clear();
        was_quoted = false;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text.compare(i, 2, "\"\"") == 0)
            value += text[i++];
        else if (text[i] == '"' && (quoted || trimmed(value).empty())) {
            quoted = !quoted;
            if (quoted) value.clear();
            was_quoted = true;
        } else if (text[i] == ',' && !quoted)
            end_value();
        else if (!was_quoted || quoted)
            value += text[i];
    }
    end_value();
    return values;
}

/// The option that a name stands for.
std::string option_of(const std::string& name, const CLI::App& command) {
    const std::string option = name == "cfg" ? "cfg-scale" : name;
    std::vector<std::string> known{"cfg"};
    for (const CLI::Option* candidate : command.get_options()) {
        if (candidate->get_lnames().empty()) continue;
        const std::string& long_name = candidate->get_lnames().front();
        if (is_of_picture(*candidate)) known.push_back(long_name);
        if (long_name == option && !is_of_picture(*candidate))
            throw Error(fmt::format("--grid: --{} is for the whole run, and no axis", option));
    }
    if (std::ranges::find(known, option) == known.end())
        throw Error(fmt::format("--grid: there is no option '{}'{}", text::printable(name),
                                nn::nearest_names(name, known)));
    return option;
}

GridAxis parse_axis(const std::string& text, const CLI::App& command) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos)
        throw Error(
            fmt::format("--grid: an axis is an option and its values, x=cfg:4,8, not \"{}\"",
                        text::printable(text)));
    GridAxis axis{option_of(trimmed(text.substr(0, colon)), command),
                  values_in(text.substr(colon + 1))};
    if (std::ranges::all_of(axis.values, &std::string::empty))
        throw Error(fmt::format("--grid: there are no values of {}", axis.option));
    return axis;
}

/// `text` with `search` replaced wherever it is; whether it was there goes to `found`.
std::string replaced(std::string text, const std::string& search, const std::string& by,
                     bool& found) {
    for (std::size_t at = text.find(search); at != text.npos;
         at = text.find(search, at + by.size())) {
        text.replace(at, search.size(), by);
        found = true;
    }
    return text;
}

}  // namespace

Grid parse_grid(const std::string& text, const CLI::App& command) {
    if (next_axis(text, 0) != text.find_first_not_of(blanks))
        throw Error(fmt::format(
            "--grid: an axis begins with x= or y=, as in \"x=cfg:4,8 y=steps:10,20\", not \"{}\"",
            text::printable(text)));
    Grid grid;
    for (std::size_t at = next_axis(text, 0); at < text.size();) {
        const std::size_t end = next_axis(text, at + 2);
        std::optional<GridAxis>& axis = text[at] == 'x' ? grid.x : grid.y;
        if (axis) throw Error(fmt::format("--grid: {}= stands there twice", text[at]));
        axis = parse_axis(trimmed(text.substr(at + 2, end - at - 2)), command);
        at = end;
    }
    if (grid.x && grid.y && grid.x->option == grid.y->option && grid.x->option != "prompt")
        throw Error(fmt::format("--grid: both axes are {}", grid.x->option));
    return grid;
}

Settings settings_of_cell(const Grid& grid, std::size_t row, std::size_t column,
                          const std::string& prompt, const std::string& negative_prompt) {
    Settings settings;
    std::string positive = prompt, negative = negative_prompt;
    for (const auto& [axis, index] : {std::pair(&grid.x, column), std::pair(&grid.y, row)}) {
        if (!*axis) continue;
        const GridAxis& values = **axis;
        if (values.option != "prompt") {
            settings[values.option] = {values.values[index]};
            continue;
        }
        bool found = false;
        const std::string &search = values.values.front(), &by = values.values[index];
        if (!search.empty()) {
            positive = replaced(positive, search, by, found);
            negative = replaced(negative, search, by, found);
        }
        if (!found)
            throw Error(
                fmt::format("--grid: \"{}\", the first value of prompt, is searched there and "
                            "replaced by each, but neither prompt has it",
                            text::printable(search)));
    }
    if (positive != prompt) settings["prompt"] = {positive};
    if (negative != negative_prompt) settings["negative-prompt"] = {negative};
    return settings;
}

std::vector<std::string> labels_of(const std::optional<GridAxis>& axis) {
    static const std::set<std::string> speaks_for_itself{"prompt", "negative-prompt", "sampler",
                                                         "schedule"};
    std::vector<std::string> labels;
    if (!axis) return labels;
    for (const std::string& value : axis->values)
        labels.push_back(speaks_for_itself.contains(axis->option)
                             ? value
                             : fmt::format("{}: {}", axis->option, value));
    return labels;
}

}  // namespace ldm::program
