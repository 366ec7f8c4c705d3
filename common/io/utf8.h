#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ldm::text {

/// The first byte that does not belong to well-formed UTF-8, or npos when all of `bytes` is fine.
/// Overlong forms, surrogates and code points above U+10FFFF are malformed (Unicode, table 3-7).
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view bytes);

[[nodiscard]] inline bool is_valid_utf8(std::string_view bytes) {
    return find_invalid_utf8(bytes) == std::string_view::npos;
}

/// `text` made fit for one line of a message: control characters (also those above U+007F, which
/// some terminals obey) and bytes that are not UTF-8 become escapes as C has them, and what is
/// longer than `limit` bytes is cut and ends in "...".
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 120);

/// The same for a message of several lines, which stay lines. Whatever a file's names and texts
/// have brought into a message, it can be shown on a terminal.
[[nodiscard]] std::string printable_lines(std::string_view text, std::size_t limit = 10'000);

}  // namespace ldm::text
