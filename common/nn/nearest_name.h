#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::nn {

/// How many bytes must be inserted, deleted or replaced to turn a into b (Levenshtein, 1966).
int edit_distance(std::string_view a, std::string_view b);

/// ", nearest: 'a', 'b'" for the two candidates closest to `name`; empty when none resembles it.
std::string nearest_names(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace ldm::nn
