#pragma once

#include <filesystem>
#include <string_view>

#include "common/io/json.h"

namespace ldm::io {

/// Beyond these a text is refused: the files that describe networks have some hundred lines.
inline constexpr std::size_t largest_yaml = 1'000'000, most_yaml_nodes = 100'000;

/// Parses YAML (by yaml-cpp) into the types of JSON. Of scalars without quotes, `null`, `~`,
/// `true`, `false` (also with a capital) and numbers, 1e-4 among them, are what they look like; all
/// else is text. Anchors are followed. Throws ldm::Error with one line, which `what` opens: place
/// and what is wrong, for keys that are no text or come twice, for more than `deepest_json` levels,
/// and for more than `most_yaml_nodes` values, however few of them are written out ("billion
/// laughs").
[[nodiscard]] Json parse_yaml(std::string_view text, std::string_view what);

/// Reads a YAML file.
[[nodiscard]] Json read_yaml(const std::filesystem::path& path);

}  // namespace ldm::io
