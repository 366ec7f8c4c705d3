#pragma once

#include <CLI/CLI.hpp>

/// The headings of the commands' help.

namespace ldm::program {

/// What is the same for all pictures of a run
inline constexpr const char* model_group = "Model";
inline constexpr const char* files_group = "Files";
inline constexpr const char* computing_group = "Computing";
/// what may differ from picture to picture
inline constexpr const char* picture_group = "Picture";
inline constexpr const char* sampling_group = "Sampling";
inline constexpr const char* changing_group = "Changing a picture";

/// Whether an option says how one picture is drawn, so that it may stand in a line of a prompt file
/// or be an axis of a grid.
[[nodiscard]] inline bool is_of_picture(const CLI::Option& option) {
    const std::string& group = option.get_group();
    return group == picture_group || group == sampling_group || group == changing_group;
}

}  // namespace ldm::program
