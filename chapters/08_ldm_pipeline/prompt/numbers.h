#pragma once

#include <optional>
#include <string_view>

namespace ldm::pipeline {

/// A decimal number that is all of `text`: "1", "-.5", "+2.", "1e3". Nothing where there is none;
/// infinity, with its sign, where it is too large for a double. Words ("inf", "nan") are no
/// numbers.
[[nodiscard]] std::optional<double> number_of(std::string_view text);

}  // namespace ldm::pipeline
