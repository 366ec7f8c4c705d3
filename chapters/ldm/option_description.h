#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace ldm::program {

/// An option as help, manual page and shell completion tell of it, from its definition.
struct OptionDescription {
    /// "-m", "--model"; of an argument without a name "MODEL"
    std::vector<std::string> names;
    /// what stands behind it: "FILE", "FOLDER", "N", "TEXT", "cpu|cuda"; empty for a flag
    std::string value;
    /// every value that there is, if they can be listed
    std::vector<std::string> choices;
    /// sentences, and each item of a list that belongs to them
    std::string text;
    std::vector<std::string> items;

    bool is_flag() const { return value.empty(); }
    bool takes_file() const { return value.starts_with("FILE"); }
    bool takes_folder() const { return value == "FOLDER"; }
};

/// Lines of the description that begin with two blanks are items. Range, default, and the options
/// that it needs or excludes end the text, in brackets.
[[nodiscard]] OptionDescription describe(const CLI::Option& option);

/// The words of `text` on lines of at most `width` characters; UTF-8 counts by code points.
[[nodiscard]] std::vector<std::string> wrapped(const std::string& text, std::size_t width);

}  // namespace ldm::program
