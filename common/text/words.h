#pragma once

#include <string_view>

namespace ldm::text {

// What `\s` and `\b` of Python's regular expressions mean, for the small languages of prompts.
// Bytes that are no valid UTF-8 are neither white space nor part of a word.

/// `text` without the white space (Unicode's) at its front, at its back, or at both.
[[nodiscard]] std::string_view trim_front(std::string_view text);
[[nodiscard]] std::string_view trim_back(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);

/// Where `word`, ASCII letters, first stands by itself from `from` on: without a letter, a number
/// or an underscore before it or after it. npos if nowhere.
[[nodiscard]] std::size_t find_word(std::string_view text, std::string_view word,
                                    std::size_t from = 0);

/// The letters, numbers and underscores at the front of `text`, `\w*`.
[[nodiscard]] std::string_view word_at_front(std::string_view text);

}  // namespace ldm::text
