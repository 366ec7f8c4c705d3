#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::figures {

/// Sizes of letters in pixels.
inline constexpr double title_size = 22, text_size = 15, small_size = 12;

/// How much room a line of text takes, in pixels. Text is UTF-8; what cannot be shown in a line
/// (control characters, bytes that are no UTF-8) stands there as an escape.
double text_width(std::string_view text, double size = text_size);
constexpr double line_height(double size = text_size) { return 1.4 * size; }

/// The longest beginning of `text` that is at most `width` pixels wide, with "…" if it was cut.
std::string fit_text(std::string_view text, double width, double size = text_size);

/// The words of `text` on lines of at most `width` pixels; a longer word has a line of its own.
std::vector<std::string> wrap_text(std::string_view text, double width, double size = text_size);

}  // namespace ldm::figures
