#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chapters/ldm/settings.h"

/// --grid "x=cfg:4,8 y=sampler:euler_a,dpm++2m": one picture for each pair of values.

namespace ldm::program {

/// An option, and the values that it takes in turn.
struct GridAxis {
    /// its long name; "prompt" stands for search and replace
    std::string option;
    std::vector<std::string> values;
};

/// At least one of them is there.
struct Grid {
    std::optional<GridAxis> x, y;

    [[nodiscard]] std::size_t columns() const { return x ? x->values.size() : 1; }
    [[nodiscard]] std::size_t rows() const { return y ? y->values.size() : 1; }
};

/// Reads what --grid says. Names are those of the options that say how one picture is drawn,
/// without their dashes, and "cfg"; values stand between commas, those with a comma in quotation
/// marks. Throws an Error for other names, with the nearest that there is, and for an axis without
/// values.
[[nodiscard]] Grid parse_grid(const std::string& text, const CLI::App& command);

/// What a cell changes about the command line's settings. The first value of a "prompt" axis is
/// searched in prompt and negative prompt, and replaced by each. Throws an Error if it is not
/// there.
[[nodiscard]] Settings settings_of_cell(const Grid& grid, std::size_t row, std::size_t column,
                                        const std::string& prompt,
                                        const std::string& negative_prompt);

/// "cfg-scale: 4" for each value; of a prompt, a sampler or a schedule the value says enough.
[[nodiscard]] std::vector<std::string> labels_of(const std::optional<GridAxis>& axis);

}  // namespace ldm::program
