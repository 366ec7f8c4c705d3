#pragma once

#include <string>
#include <string_view>

/// Texts as sequences of code points, for tokenizers that work on characters.

namespace ldm::text {

/// Unicode's normalization forms: NFC composes letters and accents, NFD takes them apart.
enum class Normalization { composed, decomposed };

/// The code points of a UTF-8 text in that form. Throws ldm::Error when `text` is not valid UTF-8,
/// longer than 256 MiB or has more than 1000 combining marks in a row.
[[nodiscard]] std::u32string normalized(std::string_view text, Normalization form);

[[nodiscard]] std::string to_utf8(std::u32string_view text);

}  // namespace ldm::text
