#include "common/figures/text.h"

#include "common/figures/font.h"
#include "common/io/utf8.h"

namespace ldm::figures {
namespace {

/// One character less at the end of well-formed UTF-8.
void drop_last_character(std::string& text) {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    while (!text.empty() && continues(text.back())) text.pop_back();
    if (!text.empty()) text.pop_back();
}

}  // namespace

double text_width(std::string_view text, double size) {
    cairo_text_extents_t extents;
    cairo_scaled_font_text_extents(scaled_font(size).get(),
                                   text::printable(text, text.npos).c_str(), &extents);
    return extents.x_advance;
}

std::string fit_text(std::string_view text, double width, double size) {
    std::string shown = text::printable(text, text.npos);
    if (text_width(shown, size) <= width) return shown;
    const std::string dots = "…";
    while (!shown.empty() && text_width(shown + dots, size) > width) drop_last_character(shown);
    while (shown.ends_with(' ')) shown.pop_back();
    return shown + dots;
}

std::vector<std::string> wrap_text(std::string_view text, double width, double size) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string word(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) continue;
        if (!lines.empty() && text_width(lines.back() + " " + word, size) <= width)
            lines.back() += " " + word;
        else
            lines.push_back(word);
    }
    return lines;
}

}  // namespace ldm::figures
